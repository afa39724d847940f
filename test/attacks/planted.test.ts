// Files that an attacker put where a sweep deletes. Guarantee: links are removed and never followed, special files never block and
// are never read without end, mounts stay, and a record that lies about its owner proves nothing.

import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { TempFileManager } from '../../src/index.ts'
import { craftSession, REUSED_PID } from '../fixtures/crafted-session.ts'
import { failure } from '../fixtures/failures.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

const isRoot = process.geteuid?.() === 0
const canMount = isRoot && spawnSync('unshare', ['-m', 'true']).status === 0

function victim(): string {
  const path = join(tempBase(), 'victim')
  mkdirSync(path)
  writeFileSync(join(path, 'precious'), 'precious')
  return path
}

function sweepable(): TempFileManager {
  const manager = tempManager()
  manager.file()
  return manager
}

describe('dead sessions', () => {
  test('symlinks in a dead session are removed and their targets stay: a file, a directory, /', async () => {
    const target = victim()
    const manager = sweepable()
    const dead = craftSession(manager.root, { owner: REUSED_PID, files: { data: 'x' } })
    symlinkSync(target, join(dead.path, 'to-directory'))
    symlinkSync(join(target, 'precious'), join(dead.path, 'to-file'))
    symlinkSync('/', join(dead.path, 'to-all'))
    symlinkSync('..', join(dead.path, 'up'))
    symlinkSync('loop', join(dead.path, 'loop'))
    mkdirSync(join(dead.path, 'deep'))
    symlinkSync(target, join(dead.path, 'deep', 'link'))
    const report = await manager.sweep()
    expect(report.errors).toEqual([])
    expect(existsSync(dead.path)).toBe(false)
    expect(readFileSync(join(target, 'precious'), 'utf8')).toBe('precious')
  })

  test("a dead session's claims/ that is a symlink is not followed: nothing is given back from outside", async () => {
    const target = victim()
    const ticket = '0'.repeat(26)
    mkdirSync(join(target, ticket, 'data'), { recursive: true })
    const manager = sweepable()
    const dead = craftSession(manager.root, { owner: REUSED_PID, files: { data: 'x' } })
    execFileSync('rmdir', [join(dead.path, 'claims')])
    symlinkSync(target, join(dead.path, 'claims'))
    await manager.sweep()
    expect(existsSync(join(target, ticket, 'data'))).toBe(true)
    expect(readFileSync(join(target, 'precious'), 'utf8')).toBe('precious')
  })

  test.each([
    ['data of a half finished handOff', '.pub-x/data'],
    ['half finished handOff', '.pub-x'],
    ["claim's data", 'data'],
  ])('the %s as a symlink is not followed: nothing moves out of the target, nor into it', async (_, link) => {
    const target = victim()
    mkdirSync(join(target, 'data'))
    writeFileSync(join(target, 'data', 'precious'), 'precious')
    const before = readdirSync(target, { recursive: true })
    const manager = sweepable()
    const dead = craftSession(manager.root, { owner: REUSED_PID })
    const claim = join(dead.path, 'claims', '0'.repeat(26))
    for (const own of ['.pub-x/data', 'data'])
      if (!own.startsWith(link)) mkdirSync(join(claim, own), { recursive: true })
    if (link === 'data') writeFileSync(join(claim, '.pub-x/data/file'), 'x')
    mkdirSync(dirname(join(claim, link)), { recursive: true })
    symlinkSync(target, join(claim, link))
    await manager.sweep()
    expect(readdirSync(target, { recursive: true })).toEqual(before)
    expect(existsSync(dead.path)).toBe(false)
  })

  test('a hard link in a dead session is removed, and the other name keeps its content', async () => {
    const manager = sweepable()
    const outside = join(manager.root, '..', 'outside')
    writeFileSync(outside, 'precious')
    const dead = craftSession(manager.root, { owner: REUSED_PID })
    linkSync(outside, join(dead.path, 'hard'))
    await manager.sweep()
    expect(readFileSync(outside, 'utf8')).toBe('precious')
    expect(lstatSync(outside).nlink).toBe(1)
  })

  test('a FIFO and a socket in a dead session are removed without being opened', async () => {
    const manager = sweepable()
    const dead = craftSession(manager.root, { owner: REUSED_PID })
    execFileSync('mkfifo', [join(dead.path, 'fifo')])
    const server = createServer().listen(join(dead.path, 'sock'))
    await once(server, 'listening')
    onTestFinished(() => {
      server.close()
    })
    await manager.sweep()
    expect(existsSync(dead.path)).toBe(false)
  })

  test.skipIf(!isRoot)(
    'a device in a dead session is removed without being opened (needs root)',
    async () => {
      const manager = sweepable()
      const dead = craftSession(manager.root, { owner: REUSED_PID })
      execFileSync('mknod', [join(dead.path, 'zero'), 'c', '1', '5'])
      await manager.sweep()
      expect(existsSync(dead.path)).toBe(false)
    },
  )

  test.skipIf(!canMount)(
    'a bind mount of precious data in a dead session is kept, and reported (needs root)',
    async () => {
      const target = victim()
      const manager = sweepable()
      const dead = craftSession(manager.root, { owner: REUSED_PID, files: { data: 'x' } })
      const point = join(dead.path, 'mounted')
      mkdirSync(point)
      execFileSync('mount', ['--bind', target, point])
      let report: Awaited<ReturnType<TempFileManager['sweep']>>
      try {
        report = await manager.sweep()
      } finally {
        const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
        for (const line of mounts) {
          const at = line.split(' ')[4]
          if (at?.startsWith(`${manager.root}/`)) execFileSync('umount', [at])
        }
      }
      expect(readFileSync(join(target, 'precious'), 'utf8')).toBe('precious')
      expect(JSON.stringify(report.errors)).toContain('mount')
    },
  )
})

describe('owner.json', () => {
  const unbelievable: Readonly<Record<string, (path: string) => void>> = {
    'a symlink to a good record': (path) => {
      const good = `${path}.good`
      writeFileSync(good, readFileSync(path))
      execFileSync('rm', [path])
      symlinkSync(good, path)
    },
    'a FIFO': (path) => {
      execFileSync('rm', [path])
      execFileSync('mkfifo', [path])
    },
    'a directory': (path) => {
      execFileSync('rm', [path])
      mkdirSync(path)
    },
    'a file of 1 GB': (path) => truncateSync(path, 1024 ** 3),
    'an endless device': (path) => {
      execFileSync('rm', [path])
      symlinkSync('/dev/zero', path)
    },
    empty: (path) => writeFileSync(path, ''),
    'nested a hundred thousand deep': (path) => writeFileSync(path, '['.repeat(100_000)),
    'not an object': (path) => writeFileSync(path, '"text"'),
  }
  test.each(Object.entries(unbelievable))(
    'an owner.json that is %s proves nothing: the session is kept and reported',
    async (_, spoil) => {
      const manager = sweepable()
      const dead = craftSession(manager.root, { owner: REUSED_PID, files: { data: 'x' } })
      spoil(join(dead.path, 'owner.json'))
      const before = process.memoryUsage().rss
      const report = await manager.sweep()
      expect(existsSync(join(dead.path, 'data'))).toBe(true)
      expect(report.items.find(({ name }) => name.endsWith(dead.name))?.action).toBe('kept')
      expect(process.memoryUsage().rss - before).toBeLessThan(256 * 1024 ** 2)
    },
  )

  test.each([0, -1, 1.5, 2 ** 31, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, '1', null, [1], {}])(
    'an owner.json with pid %j is not believed',
    async (pid) => {
      const manager = sweepable()
      const dead = craftSession(manager.root, { owner: { ...REUSED_PID, pid }, files: { data: 'x' } })
      const report = await manager.sweep()
      expect(existsSync(join(dead.path, 'data'))).toBe(true)
      expect(report.items.find(({ name }) => name.endsWith(dead.name))?.action).toBe('kept')
    },
  )

  test('an owner.json that was copied from another session is not believed', async () => {
    const manager = sweepable()
    const dead = craftSession(manager.root, { owner: REUSED_PID })
    const copied = craftSession(manager.root, { record: readFileSync(join(dead.path, 'owner.json'), 'utf8') })
    await manager.sweep()
    expect(existsSync(dead.path)).toBe(false)
    expect(existsSync(copied.path)).toBe(true)
  })
})

describe('handoff.json', () => {
  const planted: Readonly<Record<string, (path: string) => void>> = {
    'a FIFO': (path) => execFileSync('sh', ['-c', 'rm "$0" && mkfifo "$0"', path]),
    'a symlink': (path) => execFileSync('sh', ['-c', 'mv "$0" "$0.x" && ln -s "$0.x" "$0"', path]),
    'a file of 1 GB': (path) => truncateSync(path, 1024 ** 3),
    text: (path) => writeFileSync(path, 'not JSON'),
  }
  test.each(Object.entries(planted))(
    'a handoff.json that is %s is refused at once, and the handoff is kept',
    async (_, plant) => {
      const manager = sweepable()
      const ticket = await manager.file().handOff()
      plant(join(manager.root, 'handoffs', ticket, 'handoff.json'))
      await failure('ERR_TEMP_HANDOFF_CORRUPT', () => manager.claim(ticket))
      expect((await manager.inspect(ticket)).state).toBe('corrupt')
      await manager.sweep()
      expect(readdirSync(join(manager.root, 'handoffs'))).toEqual([ticket])
    },
  )

  test('the data of a handoff that was swapped for a symlink is refused', async () => {
    const target = victim()
    const manager = sweepable()
    const ticket = await manager.file({ name: 'report.txt' }).handOff()
    const data = join(manager.root, 'handoffs', ticket, 'data', 'report.txt')
    execFileSync('ln', ['-sf', join(target, 'precious'), data])
    await failure('ERR_TEMP_HANDOFF_CORRUPT', () => manager.claim(ticket))
    expect(readFileSync(join(target, 'precious'), 'utf8')).toBe('precious')
  })
})

describe('links in handoffs/ and uploads/', () => {
  /** A handoff or upload that is whole, but its directory, or `inner` in it, is a link that leads out of the root. */
  function leadOut(manager: TempFileManager, room: string, id: string, inner = ''): string {
    const outside = join(tempBase(), 'outside')
    const path = join(manager.root, room, id, inner)
    renameSync(path, outside)
    symlinkSync(outside, path)
    return outside
  }

  function portrait(directory: string): unknown {
    const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()
    return names.map((name) => {
      const stats = lstatSync(join(directory, name))
      return [name, stats.ino, stats.size, stats.isFile() ? stats.ctimeMs : undefined]
    })
  }

  test.each([
    ['ticket', ''],
    ['data of a ticket', 'data'],
  ])('a %s that is a link is refused as corrupt, and nothing behind it changes', async (_, inner) => {
    const manager = sweepable()
    const ticket = await manager.file({ name: 'report.txt' }).handOff({ ttl: 1 })
    const outside = leadOut(manager, 'handoffs', ticket, inner)
    mkdirSync(join(outside, '.pub-x', 'data'), { recursive: true })
    writeFileSync(join(outside, '.pub-x', 'data', 'moved'), 'x')
    const before = portrait(outside)
    await failure('ERR_TEMP_HANDOFF_CORRUPT', () => manager.claim(ticket))
    await failure('ERR_TEMP_HANDOFF_CORRUPT', () => manager.discard(ticket))
    expect((await manager.inspect(ticket)).state).toBe('corrupt')
    await manager.sweep()
    expect(readdirSync(join(manager.root, 'handoffs'))).toEqual([ticket])
    expect(portrait(outside)).toEqual(before)
  })

  test.each([
    ['partial upload', ''],
    ['data of a partial upload', 'data'],
  ])('a %s that is a link is refused as corrupt, and nothing behind it changes', async (_, inner) => {
    const manager = sweepable()
    const upload = await manager.createUpload({ length: 10 })
    await upload.append('12345')
    await upload.release()
    const outside = leadOut(manager, 'uploads', upload.id, inner)
    // More bytes than the state counts would be cut off.
    for (const name of readdirSync(outside, { recursive: true, encoding: 'utf8' }))
      if (/^(data\/)?tmp-/.test(name)) writeFileSync(join(outside, name), '1234567')
    mkdirSync(join(outside, '.pub-x', 'data'), { recursive: true })
    writeFileSync(join(outside, '.pub-x', 'data', 'moved'), 'x')
    writeFileSync(join(outside, 'wanted'), '')
    const before = portrait(outside)
    await failure('ERR_TEMP_HANDOFF_CORRUPT', () => manager.openUpload(upload.id))
    expect((await manager.uploads()).map(({ state }) => state)).toEqual(['corrupt'])
    expect(portrait(outside)).toEqual(before)
  })

  test('a take-over leaves no mark behind a link in the claims of another process', async () => {
    const manager = sweepable()
    const upload = await manager.createUpload({ length: 10 })
    await upload.release()
    const other = tempManager({ baseDir: dirname(manager.root) })
    other.file()
    const claim = join(other.sessionPath ?? '', 'claims', upload.id)
    const outside = join(tempBase(), 'outside')
    renameSync(join(manager.root, 'uploads', upload.id), outside)
    symlinkSync(outside, claim)
    const before = portrait(outside)
    const refused = manager.openUpload(upload.id, { whenBusy: 'take-over', timeout: '200ms' })
    await failure('ERR_TEMP_HANDOFF_GONE', () => refused).catch((error: unknown) => {
      expect(portrait(outside)).toEqual(before)
      throw error
    })
    expect(portrait(outside)).toEqual(before)
  })

  test('a claim whose counter is a link goes back, and the time of its target stays', async () => {
    const target = join(victim(), 'precious')
    const manager = sweepable()
    const claim = await manager.claim(await manager.file().handOff())
    const counter = join(dirname(dirname(claim.path)), 'attempt-1')
    execFileSync('ln', ['-sf', target, counter])
    const before = lstatSync(target).mtimeMs
    await claim.release()
    expect(lstatSync(target).mtimeMs).toBe(before)
    expect((await manager.handoffs()).length).toBe(1)
  })

  test('a claim that was exchanged for a link is not given back through it', async () => {
    const manager = sweepable()
    const claim = await manager.claim(await manager.file().handOff())
    const directory = dirname(dirname(claim.path))
    const outside = join(tempBase(), 'outside')
    renameSync(directory, outside)
    symlinkSync(outside, directory)
    const before = portrait(outside)
    await claim.release()
    expect(portrait(outside)).toEqual(before)
  })
})

test('a directory in sessions/ whose name is not one of a session is foreign', async () => {
  const manager = sweepable()
  const sessions = join(manager.root, 'sessions')
  for (const name of ['s-', '.gone', '.new', 's-ABC', 's-a b', `s-${'a'.repeat(250)}!`])
    mkdirSync(join(sessions, name))
  const before = readdirSync(sessions).sort()
  await manager.sweep()
  expect(readdirSync(sessions).sort()).toEqual(before)
})

test('files are private, whatever the umask allows', () => {
  const before = process.umask(0)
  try {
    const manager = tempManager()
    const [file, dir, named] = [manager.file(), manager.dir(), manager.file({ name: 'report.txt' })]
    expect(lstatSync(file.path).mode & 0o777).toBe(0o600)
    expect(lstatSync(named.path).mode & 0o777).toBe(0o600)
    for (const path of [dir.path, manager.root, manager.sessionPath ?? '', join(manager.root, 'handoffs')])
      expect(lstatSync(path).mode & 0o777).toBe(0o700)
  } finally {
    process.umask(before)
  }
})

test('an existing file is never opened: the next name differs', () => {
  const manager = tempManager()
  const first = manager.file()
  const next = first.path.replace(/1$/, '2')
  closeSync(openSync(next, 'w'))
  expect(() => manager.file()).toThrow(expect.objectContaining({ code: 'ERR_TEMP_IO' }))
  expect(existsSync(manager.file().path)).toBe(true)
})
