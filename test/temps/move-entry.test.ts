import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { TempFile } from '../../src/index.ts'
import { openOn } from '../fixtures/open-files.ts'
import { suspected } from '../fixtures/suspected.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

describe('moves beside streams', () => {
  test.each<[string, (file: TempFile, to: string) => Promise<unknown>]>([
    ['handOff()', (file) => file.handOff()],
    ['persist()', (file, to) => file.persist(to)],
  ])('%s waits for a read stream that is being opened, and the stream reads on', async (_, move) => {
    const manager = tempManager()
    const file = await manager.receive('content')
    const reader = file.createReadStream()
    await move(file, `${dirname(manager.root)}/kept`)
    expect(Buffer.concat(await reader.toArray()).toString()).toBe('content')
  })

  test('a read stream that is being opened while persistSync() moves the file is closed without an error', async () => {
    const manager = tempManager()
    const file = await manager.receive('content')
    const reader = file.createReadStream()
    const closed = new Promise((resolve) => reader.once('close', resolve)) // once() would take an error
    file.persistSync(`${dirname(manager.root)}/kept`)
    await closed
    expect([reader.destroyed, openOn(file.path)]).toEqual([true, []])
  })
})

test.each(['file', 'dir'] as const)(
  'a %s in a session with a tombstone’s name is found and persisted or handed off',
  async (kind) => {
    for (const persist of ['persist', 'persistSync'] as const) {
      const target = join(tempBase(), 'target')
      expect(await suspected(kind)[persist](target)).toBe(target)
      expect(existsSync(target)).toBe(true)
    }
    expect(await suspected(kind).handOff()).toMatch(/^[0-9a-z]+$/)
  },
)
