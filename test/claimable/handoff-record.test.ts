import { chownSync, copyFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { parseClaimable } from '../../src/claimable/claimable-record.ts'
import { checkMeta, parseHandoff } from '../../src/claimable/handoff-record.ts'
import type { Claim, Json, TempFileManager } from '../../src/index.ts'
import type { S3Handoffs } from '../../src/s3/index.ts'
import { failure, failureSync } from '../fixtures/failures.ts'
import { dataOf, published } from '../fixtures/handoff-root.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

const TICKET = '0123456789abcdefghjkmnpqrs'
const good = {
  v: 1,
  ticket: TICKET,
  kind: 'file',
  name: 'clip.mkv',
  ttl: 1000,
  durable: true,
  meta: { job: 7 },
  publishedAt: 5,
  publisher: { pid: 12, hostname: 'here' },
}

describe('meta', () => {
  it.each<[string, Json]>([
    ['null', null],
    ['false', false],
    ['zero', 0],
    ['an empty string', ''],
    ['text of any script', 'Größe \u{1f600} \u2028 " \\ \u0000'],
    ['a list', [1, 'two', [3], { four: 4 }, null]],
    ['an object', { deep: { deeper: [{ deepest: true }] }, __proto__: null }],
    ['an object with a member called __proto__', JSON.parse('{"__proto__":{"admin":true},"constructor":1}')],
    ['exactly 64 KiB of JSON', 'x'.repeat(64 * 1024 - 2)],
    ['64 KiB of control characters, which a record escapes', '\u0001'.repeat(10_900)],
  ])('meta of %s comes back as it was given', async (_, meta) => {
    const manager = tempManager()
    const ticket = await manager.file().handOff({ meta, durable: false })
    const claim = await manager.claim<Json>(ticket)
    expect(claim.meta).toEqual(meta)
    expect(JSON.stringify(claim.meta)).toBe(JSON.stringify(meta))
    expect({}).not.toHaveProperty('admin')
  })

  it('meta is undefined when none was given', async () => {
    const manager = tempManager()
    const claim = await manager.claim(await manager.file().handOff())
    expect(claim.meta).toBeUndefined()
    const other = await manager.claim(await manager.file().handOff({ meta: undefined }))
    expect(other.meta).toBeUndefined()
  })

  it('meta has the type that the claimant gives', async () => {
    const manager = tempManager()
    const claim = await manager.claim<{ job: number }>(await manager.file().handOff({ meta: { job: 7 } }))
    expectTypeOf(claim).toEqualTypeOf<Claim<{ job: number }>>()
    expectTypeOf(claim.meta.job).toEqualTypeOf<number>()
    expectTypeOf<Claim['meta']>().toEqualTypeOf<unknown>()
    await claim.release()
    const job = await manager.withClaim<{ job: number }, number>(claim.ticket, (held) => held.meta.job)
    expect(job).toBe(7)
    interface Job {
      readonly frames: readonly { readonly at: number; readonly note?: string | undefined }[]
    }
    const frames: Job = { frames: [{ at: 7 }] }
    const ticket = await manager.file().handOff({ meta: frames, durable: false })
    expect((await manager.inspect(ticket)).meta).toEqual(frames)
    void ((store: S3Handoffs) => store.handOff(manager.file(), { meta: { job: frames } }))
    // @ts-expect-error a member that JSON cannot hold
    void (() => manager.file().handOff({ meta: { since: new Date() } }))
    // @ts-expect-error a promise of the value
    void (() => manager.file().handOff({ meta: Promise.resolve(1) }))
    // @ts-expect-error a BigInt is not a JSON value
    void (() => manager.file().handOff({ meta: 1n }))
    // @ts-expect-error neither is a function
    void (() => manager.file().handOff({ meta: () => 1 }))
  })

  const cyclic: Record<string, unknown> = {}
  cyclic['self'] = { cyclic }
  const throwing = {
    toJSON: () => {
      throw new Error('not today')
    },
  }
  it.each<[string, unknown]>([
    ['a cycle', cyclic],
    ['a BigInt', { n: 1n }],
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    ['one byte over 64 KiB', 'x'.repeat(64 * 1024 - 1)],
    ['few characters of many bytes', '\u{1f600}'.repeat(20_000)],
    ['a value that throws while it is written', throwing],
    ['a value that writes itself as nothing', { toJSON: () => undefined }],
    ['a promise', Promise.resolve({ user: 1 })],
    ['a value that has a promise in it', { users: [Promise.resolve(1)] }],
  ])('meta of %s is refused and the handle stays live', async (_, meta) => {
    const manager = tempManager()
    const file = manager.file()
    await failure('ERR_TEMP_OPTION_INVALID', () => file.handOff({ meta: meta as Json }))
    expect(file.disposed).toBe(false)
    expect(published(manager.root)).toEqual([])
  })

  it('meta is fixed at publishing: a later change of the object changes nothing', () => {
    const meta = { list: [1] }
    const checked = checkMeta(meta)
    meta.list.push(2)
    expect(checked).toEqual({ list: [1] })
    failureSync('ERR_TEMP_OPTION_INVALID', () => checkMeta(() => 1))
  })
})

describe('handoff records', () => {
  it('a handoff record is read as it was written', () => {
    expect(parseClaimable(good, (fields) => parseHandoff(fields, TICKET))).toEqual({
      state: 'read',
      record: good,
    })
  })

  it.each<[string, unknown]>([
    ['null as its content', null],
    ['a list as its content', []],
    ['a string as its content', 'record'],
    ['no version', { ...good, v: undefined }],
    ['a version from the future', { ...good, v: 2 }],
    ['another ticket', { ...good, ticket: `${TICKET.slice(0, -1)}t` }],
    ['no ticket', { ...good, ticket: undefined }],
    ['an unknown kind', { ...good, kind: 'socket' }],
    ['a name that climbs out', { ...good, name: '../../owner.json' }],
    ['a name that is the parent', { ...good, name: '..' }],
    ['an absolute name', { ...good, name: '/etc/passwd' }],
    ['a name with a NUL', { ...good, name: 'a\u0000b' }],
    ['a name that is not a string', { ...good, name: 7 }],
    ['a ttl that is not a number', { ...good, ttl: '1h' }],
    ['a negative ttl', { ...good, ttl: -1 }],
    ['a ttl that is null, as Infinity is written', { ...good, ttl: null }],
  ])('a handoff record with %s is refused', (_, value) => {
    expect(parseClaimable(value, (fields) => parseHandoff(fields, TICKET)).state).toBe('refused')
  })

  const tampered: [string, string, (handoff: string, manager: TempFileManager) => void][] = [
    ['that is not JSON', 'it is not JSON', (handoff) => write(handoff, '{"v":1,')],
    ['that is empty', 'it is not JSON', (handoff) => write(handoff, '')],
    ['that is missing', 'it is missing', (handoff) => rmSync(join(handoff, 'handoff.json'))],
    ['that is too large', 'it is too large', (handoff) => write(handoff, `{"v":1${' '.repeat(600_000)}}`)],
    ['that is a directory', 'not a regular file', (handoff) => replaceBy(handoff, (path) => mkdirSync(path))],
    [
      'that is a symbolic link',
      'it is a symbolic link',
      (handoff) =>
        replaceBy(handoff, (path) => {
          copyFileSync(join(handoff, 'data', 'clip.mkv'), `${path}.real`)
          symlinkSync(`${path}.real`, path)
        }),
    ],
    ['of another version', 'another version', (handoff) => change(handoff, { v: 2 })],
    ['of another handoff', 'another handoff', (handoff) => change(handoff, { ticket: TICKET })],
    [
      'whose name climbs out',
      'not a plain file name',
      (handoff) => change(handoff, { name: '../handoff.json' }),
    ],
    ['that names what is not there', 'not there', (handoff) => change(handoff, { name: 'other.mkv' })],
    ['of another kind than the data', 'another kind', (handoff) => change(handoff, { kind: 'dir' })],
    [
      'whose data is a symbolic link now',
      'another kind',
      (handoff) => {
        const data = join(handoff, 'data', 'clip.mkv')
        rmSync(data)
        symlinkSync('/etc/passwd', data)
      },
    ],
  ]
  it.each(tampered)('a handoff with a record %s cannot be claimed, and is kept', async (_, why, tamper) => {
    const manager = tempManager()
    const file = await manager.receive('frames', { name: 'clip.mkv' })
    const ticket = await file.handOff({ ttl: 0, meta: { job: 7 } })
    const handoff = join(manager.root, 'handoffs', ticket)
    tamper(handoff, manager)
    const error = await failure('ERR_TEMP_HANDOFF_CORRUPT', () => manager.claim(ticket))
    expect(error.message).toContain(why)
    expect(error.path).toBe(handoff)
    await failure('ERR_TEMP_HANDOFF_CORRUPT', () => manager.discard(ticket))
    expect(published(manager.root)).toEqual([ticket])
    // Its data is there, and a sweep keeps it although its time to live is over; both lists show it.
    expect(Object.keys(dataOf(manager.root, ticket))).toEqual(['clip.mkv'])
    const report = await manager.sweep()
    if (why !== 'not there' && why !== 'another kind') {
      expect(report.items.find((entry) => entry.kind === 'handoff')).toMatchObject({ action: 'kept' })
      expect(published(manager.root)).toEqual([ticket])
      const [info] = await manager.handoffs()
      expect(info).toMatchObject({ ticket, state: 'corrupt', files: 1, expiresInMs: undefined })
      expect(info?.problem).toContain(why)
      expect(await manager.inspect(ticket)).toMatchObject({ state: 'corrupt' })
      expect(report.handoffs).toMatchObject([{ ticket, state: 'corrupt' }])
    }
    expect(manager.stats()).toMatchObject({ entries: 0, claims: 0 })
  })

  it('a handoff whose record was mended by hand can be claimed', async () => {
    const manager = tempManager()
    const ticket = await (await manager.receive('frames')).handOff()
    const record = join(manager.root, 'handoffs', ticket, 'handoff.json')
    const text = readFileSync(record, 'utf8')
    writeFileSync(record, 'oops')
    await failure('ERR_TEMP_HANDOFF_CORRUPT', () => manager.claim(ticket))
    writeFileSync(record, text)
    const claim = await manager.claim(ticket)
    expect(claim.attempt).toBe(1)
  })

  it.skipIf(process.getuid?.() !== 0)('a handoff with a record of another user is refused', async () => {
    const manager = tempManager()
    const ticket = await manager.file().handOff()
    chownSync(join(manager.root, 'handoffs', ticket, 'handoff.json'), 65534, 65534)
    const error = await failure('ERR_TEMP_HANDOFF_CORRUPT', () => manager.claim(ticket))
    expect(error.message).toContain('another user')
    expect(published(manager.root)).toEqual([ticket])
  })
})

describe('tickets outside their root', () => {
  it('a ticket is GONE in the root of another name', async () => {
    const baseDir = tempBase()
    const one = tempManager({ baseDir, name: 'one' })
    const two = tempManager({ baseDir, name: 'two' })
    const ticket = await (await one.receive('frames')).handOff()
    await failure('ERR_TEMP_HANDOFF_GONE', () => two.claim(ticket))
    await failure('ERR_TEMP_HANDOFF_GONE', () => two.inspect(ticket))
    expect(await two.handoffs()).toEqual([])
    expect((await one.claim(ticket)).attempt).toBe(1)
  })

  it.skipIf(process.getuid?.() !== 0)('a ticket is GONE for a user who cannot enter its root', async () => {
    const baseDir = tempBase('/tmp')
    const manager = tempManager({ baseDir })
    const ticket = await (await manager.receive('frames')).handOff()
    chownSync(baseDir, 65534, 65534)
    process.seteuid?.(65534)
    try {
      const other = tempManager({ baseDir })
      await failure('ERR_TEMP_HANDOFF_GONE', () => other.claim(ticket))
      expect(other.root).not.toBe(manager.root)
      expect(() => readFileSync(join(manager.root, 'handoffs', ticket, 'handoff.json'))).toThrow('EACCES')
      await other.close()
    } finally {
      process.seteuid?.(0)
    }
    expect((await manager.claim(ticket)).attempt).toBe(1)
  })
})

function write(handoff: string, text: string): void {
  writeFileSync(join(handoff, 'handoff.json'), text)
}

function change(handoff: string, members: object): void {
  const record: unknown = JSON.parse(readFileSync(join(handoff, 'handoff.json'), 'utf8'))
  write(handoff, JSON.stringify(Object.assign({}, record, members)))
}

function replaceBy(handoff: string, make: (path: string) => void): void {
  const path = join(handoff, 'handoff.json')
  rmSync(path)
  make(path)
}
