import fs, { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { describe, expect, test } from 'vitest'
import type { FileSystem } from '../src/disk/file-system.ts'
import { Quota } from '../src/quota.ts'
import { tempManager } from './fixtures/temp-base.ts'

const code = (value: string): object => expect.objectContaining({ code: value })

describe('entries', () => {
  test('an entry above the limit is refused without being counted, and a dropped one makes room', () => {
    const quota = new Quota({ liveEntries: 2 }, fs)
    quota.addEntry()
    quota.addEntry()
    expect(() => quota.addEntry()).toThrow(code('ERR_TEMP_QUOTA'))
    expect(quota.entries).toBe(2)
    quota.dropEntry()
    quota.addEntry()
    expect(quota.entries).toBe(2)
  })

  test('a limit of no entries refuses the first one', () => {
    expect(() => new Quota({ liveEntries: 0 }, fs).addEntry()).toThrow(code('ERR_TEMP_QUOTA'))
  })
})

describe('bytes', () => {
  test('bytes above the limit are refused without being counted, and bytes given back are free again', () => {
    const quota = new Quota({ totalBytes: 100 }, fs)
    quota.reserve(60)
    expect(() => quota.reserve(41)).toThrow(code('ERR_TEMP_QUOTA'))
    expect(() => quota.checkRoom(41)).toThrow(code('ERR_TEMP_QUOTA'))
    expect(quota.bytes).toBe(60)
    quota.reserve(40)
    quota.giveBack(100)
    expect(quota.bytes).toBe(0)
  })

  test('bytes are unlimited by default', () => {
    const quota = new Quota({}, fs)
    quota.reserve(Number.MAX_SAFE_INTEGER)
    expect(quota.fileBytes).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('free space', () => {
  test('free space is not looked at when no limit asks for it', async () => {
    const blind: FileSystem = {
      ...fs,
      statfs() {
        throw new Error('looked')
      },
    }
    await new Quota({}, blind).checkFree(tmpdir())
  })

  test('free space is that of the real volume', async () => {
    await new Quota({ minFreeBytes: 1 }, fs).checkFree(tmpdir())
    const all = fs.statfsSync(tmpdir())
    const quota = new Quota({ minFreeBytes: all.blocks * all.bsize + 1 }, fs)
    await expect(quota.checkFree(tmpdir())).rejects.toThrow(code('ERR_TEMP_NO_SPACE'))
  })

  test('free space must hold what is coming, too', async () => {
    const disk: FileSystem = {
      ...fs,
      statfs: (_path, callback) => callback(null, { bavail: 10, bsize: 100 }),
    }
    const quota = new Quota({ minFreeBytes: 600 }, disk)
    await quota.checkFree('/', 400)
    await expect(quota.checkFree('/', 401)).rejects.toThrow(code('ERR_TEMP_NO_SPACE'))
  })

  test('free space is without end on a file system without a size', async () => {
    const disk: FileSystem = {
      ...fs,
      statfs: (_path, callback) => callback(null, { bavail: 0, bsize: 4096, blocks: 0 }),
    }
    await new Quota({ minFreeBytes: 600 }, disk).checkFree('/', 400)
  })

  test('a limit of free space refuses a file system that cannot report it', () => {
    const { statfs: _, ...rest } = fs
    expect(() => tempManager({ fs: rest, limits: { minFreeBytes: 1 } })).toThrow(
      code('ERR_TEMP_OPTION_INVALID'),
    )
    tempManager({ fs: rest, limits: { minFreeBytes: 0 } })
  })
})

describe('lost sessions', () => {
  test('a session that was lost takes its counts with it: its files are gone', async () => {
    const lost: string[] = []
    const manager = tempManager({
      limits: { liveEntries: 2, totalBytes: 10 },
      onCleanupError: ({ code }) => lost.push(code),
    })
    const [one] = [await manager.receive('12345'), manager.file()]
    rmSync(manager.sessionPath ?? '', { recursive: true })
    manager.file()
    expect([lost, manager.stats().entries, manager.stats().bytes]).toEqual([['ERR_TEMP_SESSION_LOST'], 1, 0])
    await one.remove()
    expect(manager.stats()).toMatchObject({ entries: 1, bytes: 0 })
    await manager.receive('1234567890')
  })
})
