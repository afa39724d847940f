import { type ChannelListener, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect, stripVTControlCharacters } from 'node:util'
import createDebug from 'debug'
import { describe, expect, onTestFinished, test } from 'vitest'
import { TempFileError } from '../../src/errors.ts'
import { reportCleanupError } from '../../src/runtime/observe.ts'
import { failureSync } from '../fixtures/failures.ts'
import { canFreeze, freeze } from '../fixtures/immutable.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

/** The messages of a channel until the test ends. */
function listen(name: string): Record<string, unknown>[] {
  const heard: Record<string, unknown>[] = []
  const listener: ChannelListener = (message) => void heard.push(message as Record<string, unknown>)
  subscribe(`temp-file-manager:${name}`, listener)
  onTestFinished(() => void unsubscribe(`temp-file-manager:${name}`, listener))
  return heard
}

/** The output of `debug` under `namespaces` until the test ends. */
function debugging(namespaces: string): string[] {
  const lines: string[] = []
  const before = createDebug.disable()
  const { log } = createDebug
  createDebug.log = (...args: unknown[]) => void lines.push(args.map(String).join(' '))
  createDebug.enable(namespaces)
  onTestFinished(() => {
    createDebug.log = log
    createDebug.disable()
    if (before !== '') createDebug.enable(before)
  })
  return lines
}

describe('diagnostics channels', () => {
  test('a diagnostics channel publishes every entry that is made, complete, by each method', async () => {
    const heard = listen('create')
    const foreign = join(tempBase(), 'x')
    writeFileSync(foreign, '')
    const manager = tempManager()
    const made = [
      manager.file(),
      await manager.fileAsync(),
      manager.dir(),
      await manager.dirAsync(),
      await manager.receive('four'),
      await manager.adopt(foreign),
    ]
    expect(heard.map((message) => message['entry'])).toEqual(made)
  })

  test('a subscriber may read every member of an entry while it is called', async () => {
    const seen: unknown[] = []
    const listener: ChannelListener = (message) => {
      const { entry } = message as { entry: { bytes?: number; path: string } } // a receive is all that is made here
      seen.push(entry.bytes, entry.path)
    }
    subscribe('temp-file-manager:create', listener)
    onTestFinished(() => void unsubscribe('temp-file-manager:create', listener))
    const file = await tempManager().receive('four')
    expect(seen).toEqual([4, file.path])
  })

  test('a diagnostics channel publishes every removal once', async () => {
    const heard = listen('remove')
    const manager = tempManager()
    const [one, two] = [manager.file(), manager.dir()]
    one.removeSync()
    one.removeSync()
    await two.remove()
    await manager.file().persist(join(tempBase(), 'x'))
    expect(heard.map((message) => message['how'])).toEqual(['removed', 'removed', 'moved'])
    expect(heard[0]?.['entry']).toBe(one)
  })

  test('diagnostics channels publish handoffs and claims by ticket', async () => {
    const [published, claimed] = [listen('handoff'), listen('claim')]
    const manager = tempManager()
    const ticket = await manager.file().handOff({ durable: false })
    await (await manager.claim(ticket)).complete()
    expect(published).toMatchObject([{ ticket, kind: 'file' }])
    expect(claimed).toMatchObject([{ ticket, attempt: 1 }])
  })

  test('a diagnostics channel publishes a sweep', async () => {
    const heard = listen('sweep')
    const manager = tempManager()
    manager.file()
    await manager.sweep()
    expect(heard).toHaveLength(1)
  })

  test.skipIf(!canFreeze)('a diagnostics channel publishes a failed cleanup, besides the policy', () => {
    const heard = listen('cleanup-error')
    const manager = tempManager({ onCleanupError: () => {} })
    const file = manager.file()
    freeze(file.path)
    file[Symbol.dispose]()
    expect(heard).toMatchObject([{ error: { code: 'ERR_TEMP_CLEANUP' } }])
  })
})

describe('debug', () => {
  test('debug names what is made and removed, under its namespace', () => {
    const lines = debugging('temp-file-manager:file')
    const manager = tempManager()
    const file = manager.file()
    file.removeSync()
    expect(lines.some((line) => line.includes('made') && line.includes(file.name))).toBe(true)
    expect(lines.some((line) => line.includes('removed') && line.includes(file.name))).toBe(true)
    expect(lines.every((line) => line.includes('temp-file-manager:file'))).toBe(true)
  })

  test('debug logs no meta and no content of a handoff', async () => {
    const lines = debugging('temp-file-manager:*')
    const manager = tempManager()
    const ticket = await (await manager.receive('the content')).handOff({
      meta: { password: 'hunter2' },
      durable: false,
    })
    await (await manager.claim(ticket)).complete()
    await manager.close()
    expect(lines.length).toBeGreaterThan(3)
    expect(lines.join('\n')).not.toMatch(/hunter2|the content/)
  })

  test('debug prints one line without control characters for any name', async () => {
    const lines = debugging('temp-file-manager:*')
    const manager = tempManager()
    failureSync('ERR_TEMP_NAME_INVALID', () => manager.file('evil\n\u001b[2J'))
    await manager.claim('evil\n\u001b[2J').catch(() => {})
    const file = manager.file()
    unlinkSync(file.path)
    await file.write('x', { declared: { name: 'evil\n\u001b[2J' } }).catch(() => {})
    const printed = stripVTControlCharacters(lines.join('')) // debug colours its lines
    expect([...printed].filter((character) => character < ' ')).toEqual([])
  })
})

describe('cleanup errors', () => {
  const error = new TempFileError('ERR_TEMP_CLEANUP', 'Could not.', { path: '/a/b', cause: new Error('why') })

  test('the warning of a cleanup error carries its code, and where and why for the operator', async () => {
    const warning = once(process, 'warning')
    reportCleanupError('warn', error)
    expect((await warning)[0]).toMatchObject({ code: 'ERR_TEMP_CLEANUP', detail: '/a/b: why' })
  })

  test('a cleanup error is thrown by policy, but never from the background', async () => {
    expect(() => reportCleanupError('throw', error)).toThrow(error)
    const warning = once(process, 'warning')
    reportCleanupError('throw', error, true)
    await warning
  })

  test.each([
    [
      'throws',
      () => {
        throw new Error('mine')
      },
    ],
    [
      'returns a promise that rejects',
      async () => {
        throw new Error('mine')
      },
    ],
  ])('a function for cleanup errors that %s causes a warning, and no error', async (_, report) => {
    const warning = once(process, 'warning')
    reportCleanupError(report, error)
    expect((await warning)[0]).toMatchObject({ message: 'mine' })
  })

  test('a cleanup error is given to a function as it is', () => {
    const reported: unknown[] = []
    reportCleanupError((given) => void reported.push(given), error)
    expect(reported).toEqual([error])
  })
})

test('an entry prints with its type and its path when it is inspected', () => {
  const file = tempManager().file()
  expect(inspect(file)).toBe(`TempFile { path: '${file.path}', disposed: false }`)
})
