// A file system of the user's: memfs, so that unit tests touch no disk.

import nodeFs, { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { pipeline } from 'node:stream/promises'
import { createFsFromVolume, Volume } from 'memfs'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { TempFileManager, type TempFileManagerOptions } from '../src/index.ts'
import { failure } from './fixtures/failures.ts'
import { tempBase } from './fixtures/temp-base.ts'

/** Nothing on the real disk is called so. */
const BASE = '/in-memory'

function inMemory(options: TempFileManagerOptions = {}): {
  manager: TempFileManager
  fs: ReturnType<typeof createFsFromVolume>
} {
  const fs = createFsFromVolume(new Volume())
  fs.mkdirSync(BASE, { recursive: true })
  const manager = new TempFileManager({
    fs,
    baseDir: BASE,
    sweep: { onStart: false, every: false },
    ...options,
  })
  onTestFinished(() => manager.close())
  return { manager, fs }
}

describe('memfs', () => {
  test('files and directories on memfs come and go by every way of disposal', async () => {
    const { manager, fs } = inMemory()
    const made = [
      manager.file('.a'),
      manager.dir(),
      await manager.fileAsync({ name: 'exact' }),
      await manager.dirAsync(),
    ]
    for (const entry of made) expect(fs.existsSync(entry.path)).toBe(true)
    fs.mkdirSync(`${made[1]?.path}/a/b`, { recursive: true })
    fs.writeFileSync(`${made[1]?.path}/a/b/c`, 'x')
    made[0]?.[Symbol.dispose]()
    made[1]?.removeSync()
    await made[2]?.remove()
    await made[3]?.[Symbol.asyncDispose]()
    for (const entry of made) expect(fs.existsSync(entry.path)).toBe(false)
    expect(manager.stats()).toMatchObject({ entries: 0, removed: 4, cleanupErrors: 0 })
  })

  test('receive, write, streams, handles, blob and size work on memfs', async () => {
    const { manager, fs } = inMemory()
    await using file = await manager.receive(['some ', 'bytes'], {
      suffix: '.txt',
      hash: 'sha256',
      maxBytes: 100,
    })
    expect([file.bytes, file.digest?.length]).toEqual([10, 64])
    expect(fs.readFileSync(file.path, 'utf8')).toBe('some bytes')
    await file.write('other')
    await pipeline([' text'], file.createWriteStream({ flags: 'a' }))
    const parts: string[] = []
    for await (const part of file.createReadStream({ encoding: 'utf8' })) parts.push(String(part))
    expect(parts.join('')).toBe('other text')
    expect(await (await file.blob()).text()).toBe('other text')
    expect(await file.size()).toBe(10)
    const handle = await file.open('r')
    await handle.close()
    await failure('ERR_TEMP_TOO_LARGE', () => manager.receive('too long', { maxBytes: 3 }))
  })

  test('persist, adopt, scopes, handoffs, claims and a sweep work on memfs', async () => {
    const { manager, fs } = inMemory()
    fs.mkdirSync('/out')
    await (await manager.receive('kept')).persist('/out/kept.txt')
    expect(fs.readFileSync('/out/kept.txt', 'utf8')).toBe('kept')
    await failure('ERR_TEMP_EXISTS', () => manager.file().persist('/out/kept.txt', { overwrite: false }))
    const adopted = await manager.adopt('/out/kept.txt')
    expect(fs.existsSync('/out/kept.txt')).toBe(false)
    await adopted.remove()
    {
      await using scope = manager.scope()
      scope.file()
      await scope.receive('x')
    }
    const ticket = await (await manager.receive('job')).handOff({ meta: { n: 1 } })
    const first = await manager.claim<{ n: number }>(ticket)
    expect([first.meta.n, first.attempt]).toEqual([1, 1])
    await first.release()
    const second = await manager.claim(ticket)
    expect(second.attempt).toBe(2)
    await second.complete()
    await failure('ERR_TEMP_HANDOFF_GONE', () => manager.claim(ticket))
    await manager.sweep()
    await manager.usage()
    await manager.close()
    expect(fs.readdirSync(`${manager.root}/sessions`)).toEqual([])
    expect(fs.readdirSync(`${manager.root}/handoffs`)).toEqual([])
  })

  test.each(['/etc', '/usr/lib', '/', userInfo().homedir])(
    'the directory %s, which the system or its user needs, is not adopted',
    async (path) => {
      const { manager, fs } = inMemory()
      fs.mkdirSync(path, { recursive: true })
      for (const inPlace of [true, false]) {
        const error = await failure('ERR_TEMP_OPTION_INVALID', () => manager.adopt(path, { inPlace }))
        expect(error.path).toBe(path)
      }
      await manager.close()
      expect(fs.existsSync(path)).toBe(true)
    },
  )

  test('two managers on memfs do not sweep each other', async () => {
    const { manager, fs } = inMemory()
    const other = new TempFileManager({ fs, baseDir: BASE, sweep: { onStart: false, every: false } })
    onTestFinished(() => other.close())
    const [one, two] = [manager.file(), other.file()]
    await manager.sweep()
    await other.sweep()
    expect([fs.existsSync(one.path), fs.existsSync(two.path)]).toEqual([true, true])
  })

  test('a manager on memfs makes no real file: every call that could change the disk stays unused', async () => {
    const changing = [
      'openSync',
      'open',
      'mkdirSync',
      'mkdir',
      'renameSync',
      'unlinkSync',
      'unlink',
      'rmdirSync',
      'writeSync',
      'write',
      'chmodSync',
    ] as const
    const calls = changing.map((name) => vi.spyOn(nodeFs, name))
    onTestFinished(() => {
      for (const call of calls) call.mockRestore()
    })
    const { manager } = inMemory()
    await using file = await manager.receive('x')
    await file.write('y')
    await manager.dir().remove()
    await manager.close()
    // Reading /proc and os-release also opens files: the flags distinguish it from a change.
    const opened = calls.flatMap((call) => call.mock.calls).filter((args) => String(args[0]).startsWith(BASE))
    expect(opened).toEqual([])
    expect(existsSync(manager.root)).toBe(false)
  })
})

test('a wrapper around node:fs sees each access of a file, looked up at the call', () => {
  const seen: string[] = []
  const fs = {
    ...nodeFs,
    native: true,
    openSync: (...args: Parameters<typeof nodeFs.openSync>) => {
      seen.push('open')
      return nodeFs.openSync(...args)
    },
  }
  const base = tempBase()
  const manager = new TempFileManager({ fs, baseDir: base, sweep: { onStart: false, every: false } })
  onTestFinished(() => manager.closeSync())
  manager.file().removeSync()
  const before = seen.length
  manager.file()
  expect(seen.length).toBe(before + 1)
  fs.unlinkSync = () => seen.push('replaced later')
  manager.file().removeSync()
  expect(seen.at(-1)).toBe('replaced later')
})
