import {
  chmodSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { TempDir, TempEntry, TempFile, TempFileManager } from '../../src/index.ts'
import { failure } from '../fixtures/failures.ts'
import { EMPTY_SESSION, namesIn, published } from '../fixtures/handoff-root.ts'
import { slashed } from '../fixtures/slashed.ts'
import { steppingDisk, systemError } from '../fixtures/stepping-disk.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'
import { elsewhere } from '../temps/devices.ts'

/** Every way to come by an entry; each is filled with the same text. */
const kinds: [string, (manager: TempFileManager) => Promise<TempEntry>][] = [
  ['a plain file', async (manager) => filled(manager.file('.txt'))],
  ['a file under an exact name', async (manager) => filled(manager.file({ name: 'report v1..2.pdf' }))],
  ['a file made asynchronously', async (manager) => filled(await manager.fileAsync('.txt'))],
  ['a received file', (manager) => manager.receive('text', { suffix: '.txt' })],
  ['a received file under an exact name', (manager) => manager.receive('text', { name: 'in.txt' })],
  ['a file that was adopted', async (manager) => manager.adopt(foreignFile())],
  ['a file adopted in place', async (manager) => manager.adopt(foreignFile(), { inPlace: true })],
  ['a plain directory', async (manager) => filledDir(manager.dir())],
  ['a directory under an exact name', async (manager) => filledDir(manager.dir({ name: 'frames' }))],
  ['a directory made asynchronously', async (manager) => filledDir(await manager.dirAsync('.d'))],
  ['a directory adopted in place', async (manager) => manager.adopt(foreignDir(), { inPlace: true })],
  ['a claimed file', async (manager) => manager.claim(await (await manager.receive('text')).handOff())],
  ['a claimed directory', async (manager) => manager.claim(await filledDir(manager.dir()).handOff())],
]

function filled(file: TempFile): TempFile {
  writeFileSync(file.path, 'text')
  return file
}

function filledDir(dir: TempDir): TempDir {
  mkdirSync(dir.join('a', 'b'), { recursive: true })
  writeFileSync(dir.join('a', 'b', 'inner.txt'), 'text')
  return dir
}

function foreignFile(name = 'foreign.txt', under?: string): string {
  const path = join(tempBase(under), name)
  writeFileSync(path, 'text')
  return path
}

function foreignDir(): string {
  const path = join(tempBase(), 'foreign')
  mkdirSync(join(path, 'a', 'b'), { recursive: true })
  writeFileSync(join(path, 'a', 'b', 'inner.txt'), 'text')
  return path
}

function textOf(entry: { kind: string; path: string }): string {
  return readFileSync(entry.kind === 'file' ? entry.path : join(entry.path, 'a', 'b', 'inner.txt'), 'utf8')
}

describe.each(kinds)('%s', (_, make) => {
  it('an entry is handed off under its own name, and its handle has ended', async () => {
    const manager = tempManager()
    const entry = await make(manager)
    const { kind, name, path } = entry
    const ticket = await entry.handOff()
    expect(entry.disposed).toBe(true)
    expect(published(manager.root)).toEqual([ticket])
    expect(namesIn(manager.root, 'handoffs', ticket)).toEqual(['attempt-0', 'data', 'handoff.json'])
    expect(namesIn(manager.root, 'handoffs', ticket, 'data')).toEqual([name])
    const claim = await manager.claim(ticket)
    expect([claim.kind, claim.name, textOf(claim)]).toEqual([kind, name, 'text'])
    expect(claim.path).not.toBe(path)
    await claim.complete()
    expect(manager.stats()).toMatchObject({ entries: 0, claims: 0 })
    // Nothing of it stays behind in the session: no wrapper, no draft, no old claim.
    expect(namesIn(manager.sessionPath ?? '')).toEqual(EMPTY_SESSION)
  })

  it('an entry stays live, and can be handed off again, after a step of publishing failed', async () => {
    let failAt = Number.POSITIVE_INFINITY
    let step = 0
    let failed = ''
    const manager = tempManager({
      fs: steppingDisk((call, path) => {
        if (++step !== failAt) return
        failed = `${call} ${path}`
        throw systemError('EIO')
      }),
    })
    const entry = await make(manager)
    await turn() // its leases are bound
    const before = namesIn(manager.sessionPath ?? '')
    const { path } = entry
    let ticket: string | undefined
    let sawSync = false
    for (let at = 1; ticket === undefined; at++) {
      ;[failAt, step, failed] = [at, 0, '']
      const outcome = await entry.handOff().catch((error: unknown) => error)
      // utimes only winds the clock of the time to live; a husk that stays is reported and swept
      if (failed === '' || failed.startsWith('utimes') || typeof outcome === 'string') {
        expect(typeof outcome, failed).toBe('string')
        ticket = String(outcome)
        continue
      }
      expect(outcome, failed).toMatchObject({ code: 'ERR_TEMP_IO', cause: { code: 'EIO' } })
      expect(entry.disposed, failed).toBe(false)
      expect(entry.path, failed).toBe(path)
      expect(textOf(entry), failed).toBe('text')
      expect(published(manager.root), failed).toEqual([])
      expect(namesIn(manager.sessionPath ?? ''), failed).toEqual(before)
      if (failed.startsWith('fsync')) sawSync = true
    }
    expect(sawSync).toBe(true)
  })
})

describe('publishing', () => {
  it('handOff() fails and takes the handoff back when the last sync fails, after the commit', async () => {
    let seen = 0
    const manager = tempManager({
      fs: steppingDisk((call, path) => {
        if (call !== 'fsync' || !slashed(path).endsWith('/handoffs')) return
        seen = published(manager.root).length
        throw systemError('EIO')
      }),
    })
    const file = await manager.receive('text')
    const error = await failure('ERR_TEMP_IO', () => file.handOff())
    expect(error.cause).toMatchObject({ code: 'EIO' })
    expect(seen, 'it was in handoffs/ then').toBe(1)
    expect(published(manager.root)).toEqual([])
    expect(readFileSync(file.path, 'utf8')).toBe('text')
    expect(await file.handOff({ durable: false })).toMatch(/^[0-9a-z]{26}$/)
  })

  it('handOff() and discard() sync nothing when durable is false', async () => {
    const synced: string[] = []
    const manager = tempManager({
      fs: steppingDisk((call, path) => {
        if (call === 'fsync') synced.push(path)
      }),
    })
    const file = await manager.receive('text')
    synced.length = 0
    const ticket = await file.handOff({ durable: false })
    await manager.discard(ticket)
    expect(synced).toEqual([])
  })

  it.skipIf(elsewhere === undefined)(
    'handOff() copies what was adopted in place from another device, and removes it there',
    async () => {
      const manager = tempManager()
      const source = foreignFile('clip.mkv', elsewhere?.())
      expect(statSync(source).dev, 'this test needs two devices').not.toBe(statSync(manager.file().path).dev)
      const entry = await manager.adopt(source, { inPlace: true })
      const ticket = await entry.handOff()
      expect(namesIn(join(source, '..'))).toEqual([])
      await manager.withClaim(ticket, (claim) => {
        expect([claim.name, textOf(claim)]).toEqual(['clip.mkv', 'text'])
      })
    },
  )

  it.each(['aux.txt', 'ends in a dot.', 'line\nbreak', 'back\\slash'])(
    'handOff() gives what was adopted in place as %j a name that claimants accept',
    async (name) => {
      const manager = tempManager()
      const entry = await manager.adopt(foreignFile(name), { inPlace: true })
      const ticket = await entry.handOff()
      await manager.withClaim(ticket, (claim) => expect(textOf(claim)).toBe('text'))
    },
  )

  it.each([
    ['a symbolic link', (path: string) => symlinkSync('/etc/hostname', path)],
    ['a directory', (path: string) => mkdirSync(path)],
  ])('handOff() refuses %s that took the place of the file', async (_, replace) => {
    const manager = tempManager()
    const file = manager.file()
    unlinkSync(file.path)
    replace(file.path)
    await failure('ERR_TEMP_IO', () => file.handOff())
    expect(published(manager.root)).toEqual([])
  })

  it('handOff() reports that the file was removed by other code', async () => {
    const manager = tempManager()
    const file = manager.file()
    rmSync(file.path)
    await failure('ERR_TEMP_REMOVED', () => file.handOff())
    expect(published(manager.root)).toEqual([])
  })

  it('handOff() refuses while a write stream or a handle is open, and works once it is closed', async () => {
    const manager = tempManager()
    const file = manager.file()
    const stream = file.createWriteStream()
    const error = await failure('ERR_TEMP_IO', () => file.handOff())
    expect(error.message).toContain('write stream')
    await new Promise((resolve) => stream.once('close', resolve).end('text'))
    const handle = await file.open()
    await failure('ERR_TEMP_IO', () => file.handOff())
    await handle.close()
    await manager.withClaim(await file.handOff(), (claim) => expect(textOf(claim)).toBe('text'))
  })

  it('two calls of handOff() at once publish once, and one of them rejects', async () => {
    const manager = tempManager()
    const file = await manager.receive('text')
    const outcomes = await Promise.allSettled([file.handOff(), file.handOff()])
    expect(outcomes.map((outcome) => outcome.status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(published(manager.root)).toHaveLength(1)
  })

  it('close() waits for handOff(): the ticket is good afterwards', async () => {
    const base = tempBase()
    const manager = tempManager({ baseDir: base })
    const file = await manager.receive('text')
    const publishing = file.handOff()
    await manager.close()
    const ticket = await publishing
    await tempManager({ baseDir: base }).withClaim(ticket, (claim) => expect(textOf(claim)).toBe('text'))
  })

  it.each([
    ['a ttl that is none', { ttl: 'soon' }],
    ['a negative ttl', { ttl: -1 }],
    ['an endless ttl', { ttl: Number.POSITIVE_INFINITY }],
    ['a durable that is not a boolean', { durable: 'yes' }],
    ['options that are none', null],
  ])('handOff() refuses %s before anything is moved', async (_, options) => {
    const manager = tempManager()
    const file = manager.file()
    // A JavaScript caller's mistake, which the types would not let pass.
    await failure('ERR_TEMP_OPTION_INVALID', () => file.handOff(options as never))
    expect(file.disposed).toBe(false)
    expect(published(manager.root)).toEqual([])
  })

  it('handOff() refuses a removed entry, and an entry of a closed manager', async () => {
    const manager = tempManager()
    const file = manager.file()
    await file.remove()
    await failure('ERR_TEMP_REMOVED', () => file.handOff())
    const other = manager.file()
    await manager.close()
    await failure('ERR_TEMP_CLOSED', () => other.handOff())
  })

  it('the end of a scope does not remove what was handed off', async () => {
    const manager = tempManager()
    let ticket = ''
    {
      await using scope = manager.scope()
      const file = await scope.receive('text')
      scope.file()
      ticket = await file.handOff()
    }
    expect(published(manager.root)).toEqual([ticket])
    {
      await using scope = manager.scope()
      const claim = await scope.claim(ticket)
      expect(textOf(claim)).toBe('text')
      await claim.complete()
    }
    expect(published(manager.root)).toEqual([])
  })

  it('a handoff has private modes under any umask, and outlives its manager', async () => {
    const old = process.umask(0o777)
    onTestFinished(() => void process.umask(old))
    const base = tempBase()
    chmodSync(base, 0o700) // mkdtemp under this umask gave it mode 000
    const manager = tempManager({ baseDir: base })
    const ticket = await (await manager.receive('text')).handOff()
    await manager.close()
    process.umask(old)
    const handoff = join(manager.root, 'handoffs', ticket)
    expect(statSync(handoff).mode & 0o777).toBe(0o700)
    expect(statSync(join(handoff, 'data')).mode & 0o777).toBe(0o700)
    expect(statSync(join(handoff, 'handoff.json')).mode & 0o777).toBe(0o600)
    await tempManager({ baseDir: base }).withClaim(ticket, (claim) => expect(textOf(claim)).toBe('text'))
  })
})
