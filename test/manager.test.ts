import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { inspect } from 'node:util'
import { describe, expect, test, vi } from 'vitest'
import { TempFileManager } from '../src/index.ts'
import { runChild } from './fixtures/child.ts'
import { failure, failureSync } from './fixtures/failures.ts'
import { tempBase, tempManager, USER } from './fixtures/temp-base.ts'

const sessionsOf = (manager: TempFileManager): string[] => readdirSync(join(manager.root, 'sessions'))

describe('the end of a manager', () => {
  test.each(['close', 'closeSync', 'dispose', 'asyncDispose'] as const)(
    'a manager ended by %s removes all it made',
    async (way) => {
      const manager = tempManager()
      const [file, dir] = [manager.file(), manager.dir()]
      mkdirSync(dir.join('a/b'), { recursive: true })
      writeFileSync(dir.join('a/b/c'), '')
      if (way === 'dispose') manager[Symbol.dispose]()
      else if (way === 'asyncDispose') await manager[Symbol.asyncDispose]()
      else await manager[way]()
      expect([existsSync(file.path), existsSync(dir.path)]).toEqual([false, false])
      expect([file.disposed, dir.disposed]).toEqual([true, true])
      expect(sessionsOf(manager)).toEqual([])
      expect(manager.sessionPath).toBeUndefined()
      file[Symbol.dispose]()
      await dir.remove()
    },
  )

  test('a manager may end twice, at once, in both ways, and before any use', async () => {
    const unused = tempManager()
    await unused.close()
    unused.closeSync()
    expect(existsSync(unused.root)).toBe(false)
    const manager = tempManager()
    manager.file()
    await Promise.all([manager.close(), manager.close(), manager[Symbol.asyncDispose]()])
    manager.closeSync()
    const other = tempManager()
    const file = other.file()
    const closing = other.close()
    other.closeSync()
    expect(existsSync(file.path), 'closeSync ends what close has started').toBe(false)
    await closing
    expect(sessionsOf(other)).toEqual([])
  })

  test('a manager refuses everything from the call of close() on', async () => {
    const manager = tempManager()
    manager.file()
    const closing = manager.close()
    const refuses = async (): Promise<void> => {
      const source = Readable.from(['x'])
      for (const late of [
        () => manager.file(),
        () => manager.dir(),
        () => manager.fileAsync(),
        () => manager.dirAsync(),
        () => manager.receive(source),
        () => manager.adopt(tempBase()),
        () => manager.scope(),
        () => manager.withFile(() => 1),
        () => manager.withDir(() => 1),
        () => manager.claim('0'.repeat(26)),
        () => manager.discard('0'.repeat(26)),
        () => manager.sweep(),
      ])
        await failure('ERR_TEMP_CLOSED', late)
      expect(source.destroyed).toBe(true)
    }
    await refuses()
    await closing
    await refuses()
    expect(sessionsOf(manager)).toEqual([])
  })

  test('close() waits for what is running, aborts what can be, and leaves nothing', async () => {
    const manager = tempManager()
    const making = [manager.fileAsync(), manager.dirAsync()]
    const source = new Readable({ read() {} })
    source.push('bytes')
    const receiving = failure('ERR_TEMP_ABORTED', () => manager.receive(source))
    const handedOff = manager.file().handOff()
    const persisted = manager.file().persist(join(tempBase(), 'x'))
    expect(manager.stats().pending).toBeGreaterThanOrEqual(3)
    await manager.close()
    expect((await Promise.all(making)).map((entry) => entry.disposed)).toEqual([true, true])
    await receiving
    expect(source.destroyed).toBe(true)
    expect(existsSync(await persisted)).toBe(true)
    expect(readdirSync(join(manager.root, 'handoffs'))).toEqual([await handedOff])
    expect(sessionsOf(manager)).toEqual([])
    expect(manager.stats().pending).toBe(0)
  })

  test('the last manager that ends removes the listeners from the process', async () => {
    const events = ['exit', 'SIGINT', 'SIGTERM', 'SIGHUP']
    const count = (): number[] => events.map((event) => process.listenerCount(event))
    const before = count()
    const managers = Array.from({ length: 5 }, () => tempManager())
    expect(count(), 'none before the first use').toEqual(before)
    for (const manager of managers) manager.file()
    expect(count(), 'one for all').toEqual(before.map((n) => n + 1))
    await managers[0]?.close()
    expect(count()).toEqual(before.map((n) => n + 1))
    for (const manager of managers) manager.closeSync()
    expect(count()).toEqual(before)
  })

  test('a manager that is not to listen to signals does not', () => {
    const before = process.listenerCount('SIGTERM')
    const manager = tempManager({ signals: false })
    manager.file()
    expect(process.listenerCount('SIGTERM')).toBe(before)
  })
})

describe('limits and accounting', () => {
  test('stats count what is live, and totals since the beginning, without touching the disk', async () => {
    const manager = tempManager()
    const [a, b] = [manager.file(), manager.dir()]
    const received = await manager.receive('12345')
    expect(manager.stats()).toMatchObject({
      entries: 3,
      bytes: 5,
      filesCreated: 2,
      directoriesCreated: 1,
      removed: 0,
      claims: 0,
      pending: 0,
    })
    rmSync(dirname(manager.root), { recursive: true })
    expect(manager.stats().entries, 'not asked of the disk').toBe(3)
    a.removeSync()
    await b.remove()
    await received.remove()
    expect(manager.stats()).toMatchObject({ entries: 0, bytes: 0, removed: 3 })
  })

  test('limits.liveEntries counts files and directories, and gives back on every way out', async () => {
    const manager = tempManager({ limits: { liveEntries: 2 } })
    const file = manager.file()
    const dir = await manager.dirAsync()
    for (const beyond of [
      () => manager.file(),
      () => manager.dir(),
      () => manager.fileAsync(),
      () => manager.dirAsync(),
      () => manager.receive('x'),
    ])
      expect((await failure('ERR_TEMP_QUOTA', beyond)).status).toBe(507)
    file.removeSync()
    const second = manager.file()
    await second.persist(join(tempBase(), 'x'))
    const third = manager.file()
    const ticket = await third.handOff({ durable: false })
    const claim = await manager.claim(ticket)
    failureSync('ERR_TEMP_QUOTA', () => manager.file())
    await claim.release()
    await manager.discard(ticket)
    await failure('ERR_TEMP_TOO_LARGE', () => manager.receive('too long', { maxBytes: 3 }))
    await dir.remove()
    expect(manager.stats().entries).toBe(0)
  })

  test('a claim beyond limits.liveEntries stays with the handoffs', async () => {
    const base = tempBase()
    const publisher = tempManager({ baseDir: base })
    const ticket = await publisher.file().handOff({ durable: false })
    const manager = tempManager({ baseDir: base, limits: { liveEntries: 1 } })
    const file = manager.file()
    await failure('ERR_TEMP_QUOTA', () => manager.claim(ticket))
    expect((await manager.inspect(ticket)).state).toBe('available')
    file.removeSync()
    await manager.discard(ticket)
  })

  test('limits.totalBytes counts what is received and written and still here', async () => {
    const manager = tempManager({ limits: { totalBytes: 10 } })
    const first = await manager.receive('123456')
    await failure('ERR_TEMP_QUOTA', () => manager.receive('12345'))
    const second = manager.file()
    await second.write('1234')
    expect(manager.stats().bytes).toBe(10)
    await failure('ERR_TEMP_QUOTA', () => second.write('12345'))
    await first.remove()
    await second.write('1234567890')
    expect(manager.stats().bytes).toBe(10)
    second.removeSync()
    expect(manager.stats()).toMatchObject({ bytes: 0, entries: 0 })
  })

  test('limits.fileBytes holds for each file', async () => {
    const manager = tempManager({ limits: { fileBytes: '4b' } })
    await failure('ERR_TEMP_TOO_LARGE', () => manager.receive('12345'))
    await failure('ERR_TEMP_TOO_LARGE', () => manager.file().write('12345'))
    await manager.receive('1234')
  })

  test('limits.minFreeBytes refuses what the disk has no room for, at once', async () => {
    const manager = tempManager({ limits: { minFreeBytes: '1000tb' } })
    expect((await failure('ERR_TEMP_NO_SPACE', () => manager.receive('x'))).status).toBe(507)
    expect(manager.stats()).toMatchObject({ entries: 0, bytes: 0 })
  })

  test('options that receive cannot understand are refused, and the source is given up', async () => {
    const manager = tempManager()
    for (const options of [
      { signal: 5 },
      { maxBytes: '5 potatoes' },
      { expectedBytes: -1 },
      { hash: 'nohash' },
      5,
      null,
    ]) {
      const source = Readable.from(['x'])
      await failure('ERR_TEMP_OPTION_INVALID', () => manager.receive(source, options as object)) // untyped programs
      expect(source.destroyed, JSON.stringify(options)).toBe(true)
    }
    expect(manager.stats()).toMatchObject({ entries: 0, bytes: 0 })
  })
})

describe('usage', () => {
  test('usage reports what is on the disk, per session and handoff', async () => {
    const base = tempBase()
    const [one, two] = [tempManager({ baseDir: base }), tempManager({ baseDir: base })]
    await one.receive('12345')
    two.dir()
    const ticket = await (await two.receive('123')).handOff({ durable: false })
    const usage = await one.usage()
    expect(usage.sessions).toHaveLength(2)
    expect(JSON.stringify(usage)).toContain(ticket)
    const bytes = usage.sessions.map((session) => session.bytes).sort()
    expect((bytes[1] ?? 0) - (bytes[0] ?? 0), 'besides the records, of one length').toBe(5)
    await two.discard(ticket)
  })

  test('usage() and handoffs() of a root that does not exist are empty and create nothing', async () => {
    const manager = tempManager()
    expect(await manager.usage()).toMatchObject({ sessions: [] })
    expect(await manager.handoffs()).toEqual([])
    expect(existsSync(manager.root)).toBe(false)
  })
})

describe('several managers in one process', () => {
  test('two managers in one process have a session each, and the end of one leaves the other alone', async () => {
    const base = tempBase()
    const [one, two] = [tempManager({ baseDir: base }), tempManager({ baseDir: base })]
    const [a, b] = [one.file(), two.file()]
    expect(one.root).toBe(two.root)
    expect(one.sessionPath).not.toBe(two.sessionPath)
    await one.close()
    expect([existsSync(a.path), existsSync(b.path)]).toEqual([false, true])
    await two.sweep()
    expect(existsSync(b.path)).toBe(true)
    two.closeSync()
    expect(sessionsOf(two)).toEqual([])
  })

  test('managers under different names share nothing', () => {
    const base = tempBase()
    const [one, two] = [
      tempManager({ baseDir: base, name: 'one' }),
      tempManager({ baseDir: base, name: 'two' }),
    ]
    one.file()
    two.file()
    expect(readdirSync(base).sort()).toEqual([`one-${USER}`, `two-${USER}`])
  })
})

describe('base directories', () => {
  test.each([
    `with spaces`,
    `with 'quotes" and $HOME`,
    'with 🎬 and 映画',
    'with\nnewline',
    '%s%d',
    'a'.repeat(200),
  ])('a base directory %j is as good as any', async (name) => {
    const base = join(tempBase(), name)
    mkdirSync(base)
    const manager = tempManager({ baseDir: base })
    const file = manager.file('.txt')
    await file.write('x')
    const other = tempManager({ baseDir: base })
    await other.sweep()
    expect(existsSync(file.path), 'a sweep finds it alive').toBe(true)
    expect((await other.usage()).sessions).toHaveLength(1)
    await manager.close()
    expect(sessionsOf(manager)).toEqual([])
  })

  test.each(['removed', 'replaced by an empty one', 'moved away'])(
    'a manager whose base directory was %s starts a new session and reports the loss once',
    async (loss) => {
      const base = join(tempBase(), 'base')
      mkdirSync(base)
      const reported: string[] = []
      const manager = tempManager({
        baseDir: base,
        onCleanupError: (error) => void reported.push(error.code),
      })
      const [old, dir] = [manager.file(), manager.dir()]
      if (loss === 'moved away') renameSync(base, `${base}-elsewhere`)
      else rmSync(base, { recursive: true })
      if (loss === 'replaced by an empty one') mkdirSync(base)
      const made = [manager.file(), manager.dir(), await manager.fileAsync(), await manager.receive('x')]
      expect(made.map((entry) => existsSync(entry.path))).toEqual([true, true, true, true])
      expect(reported).toEqual(['ERR_TEMP_SESSION_LOST'])
      expect(manager.stats().sessionsLost).toBe(1)
      old.removeSync()
      await dir.remove()
      await manager.close()
      expect(made.map((entry) => existsSync(entry.path))).toEqual([false, false, false, false])
      expect(reported, 'nothing further').toEqual(['ERR_TEMP_SESSION_LOST'])
    },
  )

  test('a manager ends without an error after its base directory was removed', async () => {
    const reported = vi.fn()
    const manager = tempManager({ onCleanupError: reported })
    manager.file()
    rmSync(dirname(manager.root), { recursive: true })
    await manager.close()
    const other = tempManager({ onCleanupError: reported })
    other.dir()
    rmSync(dirname(other.root), { recursive: true })
    other.closeSync()
    expect(reported).not.toHaveBeenCalled()
  })
})

test('a manager that was never closed lets the process end: its leases and timers hold no process open', async () => {
  const base = tempBase()
  const end = await runChild('unclosed.mts', { args: [base] }) // the time limit ends a process that stays
  expect(end).toMatchObject({ code: 0, signal: null })
  expect(end.stdout).toBe('used\nleft false\n')
})

test('after close nothing is counted as live', async () => {
  const manager = tempManager()
  manager.file()
  await manager.receive('four')
  expect(manager.stats()).toMatchObject({ entries: 2, bytes: 4 })
  await manager.close()
  expect(manager.stats()).toMatchObject({ entries: 0, bytes: 0, claims: 0, pending: 0 })
})

test('a misspelt option of a file, of persist or of handOff is refused, and so is withFile without a function', async () => {
  const manager = tempManager()
  const invalid = expect.objectContaining({ code: 'ERR_TEMP_OPTION_INVALID' })
  const misspelt: Record<string, string> = { postfix: '.txt' }
  expect(() => manager.file(misspelt)).toThrow(invalid)
  expect(manager.sessionPath).toBeUndefined()
  const file = manager.file()
  await expect(file.persist('/nowhere', misspelt)).rejects.toThrow(invalid)
  await expect(file.handOff(misspelt)).rejects.toThrow(invalid)
  // A program without types may call this.
  const untyped = manager.withFile.bind(manager) as unknown as (options: string) => Promise<unknown>
  await expect(untyped('.txt')).rejects.toThrow(invalid)
})

test('a receive that close() aborts before its file is opened has the manager’s end as its cause', async () => {
  const manager = tempManager()
  manager.file()
  const receiving = manager.receive('text').catch((error: unknown) => error)
  await manager.close()
  expect(await receiving).toMatchObject({ code: 'ERR_TEMP_ABORTED', cause: { code: 'ERR_TEMP_CLOSED' } })
})

describe('removeAll', () => {
  test('removeAll() removes every live file and directory, and the manager goes on', async () => {
    const manager = tempManager()
    const paths = [manager.file().path, manager.dir().path, manager.file({ name: 'exact' }).path]
    await manager.removeAll()
    expect(paths.filter((path) => existsSync(path))).toEqual([])
    const after = manager.file()
    expect(existsSync(after.path)).toBe(true)
  })

  test('removeAll() marks what it removed as disposed', async () => {
    const manager = tempManager()
    const file = manager.file()
    await manager.removeAll()
    expect(file.disposed).toBe(true)
    await file.remove()
    const refused = await failure('ERR_TEMP_REMOVED', () => file.size())
    expect(refused.message).toBe(
      'Cannot measure it: this temporary file was removed, persisted, handed off or released before. Use it before that, or create a new one.',
    )
  })

  test('removeAll() gives claims back', async () => {
    const baseDir = tempBase()
    const manager = tempManager({ baseDir })
    const ticket = await (await manager.receive('job')).handOff()
    await manager.claim(ticket)
    await manager.removeAll()
    await using again = await tempManager({ baseDir }).claim(ticket)
    expect(again.attempt).toBe(2)
  })

  test.each(['removeAll', 'close', 'closeSync'] as const)(
    '%s() refuses a claim that runs beside it, and none is held afterwards',
    async (end) => {
      const manager = tempManager()
      const ticket = await (await manager.receive('job')).handOff()
      const code = end === 'removeAll' ? 'ERR_TEMP_ABORTED' : 'ERR_TEMP_CLOSED'
      const refused = Promise.all([
        failure(code, () => manager.claim(ticket)),
        failure(code, () => manager.withClaim(ticket, () => {})),
        failure(code, () => manager.discard(ticket)),
        failure(code, () => manager.retry(ticket)),
      ])
      await manager[end]()
      expect(manager.stats().claims).toBe(0)
      await refused
      expect(manager.stats().claims).toBe(0)
      const other = tempManager({ baseDir: join(manager.root, '..') })
      expect(await other.inspect(ticket)).toMatchObject({ state: 'available', attempts: 0 })
    },
  )

  test('removeAll() aborts a running receive and destroys its source', async () => {
    const manager = tempManager()
    const source = new PassThrough()
    const receiving = manager.receive(source).catch((error: unknown) => error)
    source.write('first')
    await manager.removeAll()
    expect(await receiving).toMatchObject({ code: 'ERR_TEMP_ABORTED' })
    expect(source.destroyed).toBe(true)
  })

  test('removeAll() aborts a receive that has not opened its file, with its own reason', async () => {
    const manager = tempManager()
    manager.file()
    const receiving = manager.receive('text').catch((error: unknown) => error)
    await manager.removeAll()
    expect(await receiving).toMatchObject({
      code: 'ERR_TEMP_ABORTED',
      message: 'The operation was aborted by removeAll().',
    })
  })

  test('removeAll() of a manager that was not used creates nothing', async () => {
    const manager = tempManager()
    await manager.removeAll()
    expect(manager.sessionPath).toBeUndefined()
  })
})

test('the class is called TempFileManager in logs', () => {
  expect(TempFileManager.name).toBe('TempFileManager')
  expect(inspect(tempManager())).toMatch(/^TempFileManager/)
})
