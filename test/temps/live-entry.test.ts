import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { existsSync, writeFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { TempDir, TempFile } from '../../src/index.ts'
import { failure } from '../fixtures/failures.ts'
import { tempManager } from '../fixtures/temp-base.ts'

describe.each(['file', 'dir'] as const)('a %s', (kind) => {
  const make = (manager: ReturnType<typeof tempManager>): TempFile | TempDir => {
    const entry = manager[kind]()
    if (entry.kind === 'dir') writeFileSync(entry.join('inside'), 'x')
    return entry
  }

  test('an entry kept until close outlives its scope, and is removed with its manager or by remove()', async () => {
    const manager = tempManager()
    const kept = make(manager).keepUntilClose()
    const removed = make(manager).keepUntilClose()
    kept[Symbol.dispose]()
    await kept[Symbol.asyncDispose]()
    removed[Symbol.dispose]()
    expect([existsSync(kept.path), existsSync(removed.path)]).toEqual([true, true])
    await removed.remove()
    expect([existsSync(kept.path), existsSync(removed.path)]).toEqual([true, false])
    expect(kept.disposed).toBe(false)
    await manager.close()
    expect(existsSync(kept.path)).toBe(false)
    expect(kept.disposed).toBe(true)
    kept[Symbol.dispose]()
  })

  test('an entry prints its path, and serialises without it', () => {
    const entry = make(tempManager())
    const name = kind === 'file' ? 'TempFile' : 'TempDir'
    expect(inspect(entry)).toBe(`${name} { path: '${entry.path}', disposed: false }`)
    expect(JSON.parse(JSON.stringify(entry))).toEqual({ kind, name: entry.name, disposed: false })
  })

  test('an entry is announced when it exists, and its end once', async () => {
    const seen: string[] = []
    const created = (message: unknown): void => {
      const { entry } = message as { entry: TempFile } // the contract of the channel
      seen.push(`created ${entry.name} ${existsSync(entry.path)}`)
    }
    const removed = (message: unknown): void => {
      const { entry, how } = message as { entry: TempFile; how: string } // the contract of the channel
      seen.push(`${how} ${entry.name} ${existsSync(entry.path)}`)
    }
    subscribe('temp-file-manager:create', created)
    subscribe('temp-file-manager:remove', removed)
    onTestFinished(() => {
      unsubscribe('temp-file-manager:create', created)
      unsubscribe('temp-file-manager:remove', removed)
    })
    const entry = make(tempManager())
    await Promise.all([entry.remove(), entry.remove()])
    expect(seen).toEqual([`created ${entry.name} true`, `removed ${entry.name} false`])
  })
})

describe('ended files', () => {
  test('a file rejects every use with ERR_TEMP_REMOVED after its removal, ERR_TEMP_CLOSED after close', async () => {
    const manager = tempManager()
    const [gone, left] = [manager.file(), manager.file()]
    await gone.remove()
    const uses = (file: typeof gone): (() => unknown)[] => [
      () => file.write('x'),
      () => file.createReadStream(),
      () => file.createWriteStream(),
      () => file.open(),
      () => file.blob(),
      () => file.size(),
      () => file.persist('/nowhere'),
      () => file.handOff(),
      () => file.keepUntilClose(),
    ]
    for (const use of uses(gone)) await failure('ERR_TEMP_REMOVED', use)
    await manager.close()
    for (const use of uses(left)) await failure('ERR_TEMP_CLOSED', use)
    expect(left.disposed).toBe(true)
  })
})
