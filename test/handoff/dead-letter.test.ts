import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { toProblem } from '../../src/http/index.ts'
import type { TempFileManager } from '../../src/index.ts'
import { craftSession, REUSED_PID } from '../fixtures/crafted-session.ts'
import { failure } from '../fixtures/failures.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

async function poisoned(attempts = 1) {
  const manager = tempManager({ handoff: { maxAttempts: attempts } })
  const ticket = await (await manager.receive('poison')).handOff()
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const failed = manager.withClaim(ticket, () => Promise.reject(new Error(`failed ${attempt}`)))
    await expect(failed).rejects.toThrow(`failed ${attempt}`)
  }
  return { manager, ticket }
}

describe('handoff.maxAttempts', () => {
  it('a handoff that was claimed maxAttempts times is a dead letter, listed with its last error', async () => {
    const { manager, ticket } = await poisoned(2)
    const info = { state: 'dead', claimable: false, attempts: 2, maxAttempts: 2, lastError: 'failed 2' }
    expect(await manager.inspect(ticket)).toMatchObject({ ...info, expiresInMs: undefined, bytes: 6 })
    expect(await manager.handoffs()).toMatchObject([info])
    const error = await failure('ERR_TEMP_HANDOFF_DEAD', () => manager.claim(ticket))
    expect([error.status, error.details]).toEqual([409, { attempts: 2 }])
    expect([error.message.includes('2 times'), error.cause]).toEqual([true, new Error('failed 2')])
    expect(await manager.inspect(ticket)).toMatchObject(info)
  })

  it('handoff.maxAttempts of a publisher counts for every claimant, also one that sets no limit', async () => {
    const { manager, ticket } = await poisoned()
    const other = tempManager({ baseDir: join(manager.root, '..') })
    await failure('ERR_TEMP_HANDOFF_DEAD', () => other.claim(ticket))
    expect(await other.inspect(ticket)).toMatchObject({ state: 'dead' })
  })

  it('handoff.maxAttempts of a claimant counts where the publisher sets none', async () => {
    const publisher = tempManager()
    const worker = tempManager({ baseDir: join(publisher.root, '..'), handoff: { maxAttempts: 1 } })
    const ticket = await publisher.file().handOff()
    await (await worker.claim(ticket)).release('cannot')
    await failure('ERR_TEMP_HANDOFF_DEAD', () => worker.claim(ticket))
    expect((await publisher.claim(ticket)).attempt).toBe(2)
  })

  it('handoff.maxAttempts counts the attempts of claimants that died, and lastError names their death', async () => {
    const manager = tempManager({ handoff: { maxAttempts: 1 } })
    const ticket = await (await manager.receive('text')).handOff()
    await (await manager.claim(ticket)).release()
    await manager.retry(ticket)
    const dead = craftSession(manager.root, { owner: REUSED_PID })
    renameSync(join(manager.root, 'handoffs', ticket), join(dead.path, 'claims', ticket))
    renameSync(join(dead.path, 'claims', ticket, 'attempt-1'), join(dead.path, 'claims', ticket, 'attempt-2'))
    await failure('ERR_TEMP_HANDOFF_DEAD', () => manager.claim(ticket))
    expect((await manager.inspect(ticket)).lastError).toMatch(/ended without completing it: owner dead/)
  })

  it.each([0, 1.5, '3'])('handoff.maxAttempts: %j is refused', (maxAttempts) => {
    expect(() => tempManager({ handoff: { maxAttempts: maxAttempts as number } })).toThrow('maxAttempts')
  })
})

describe('dead letters', () => {
  it('a dead letter never expires', async () => {
    const manager = tempManager({ handoff: { maxAttempts: 1, ttl: 1 } })
    const ticket = await manager.file().handOff()
    await (await manager.claim(ticket)).release()
    const younger = await manager.file().handOff()
    let report = await manager.sweep()
    while (report.handoffsExpired.length === 0) report = await manager.sweep()
    expect(report.handoffsExpired).toEqual([younger])
    expect(report.items.find((item) => item.kind === 'handoff')?.reason).toContain('dead letter')
    expect((await manager.inspect(ticket)).state).toBe('dead')
  })

  it('a dead letter is claimable after retry(), for as many attempts, and its attempt number goes on', async () => {
    const { manager, ticket } = await poisoned(2)
    for (const before of [2, 4]) {
      await manager.retry(ticket)
      expect(await manager.inspect(ticket)).toMatchObject({ state: 'available', attempts: before })
      for (const attempt of [before + 1, before + 2]) {
        const claim = await manager.claim(ticket)
        expect(claim.attempt).toBe(attempt)
        await claim.release()
      }
      expect((await manager.inspect(ticket)).state).toBe('dead')
    }
    const directory = join(manager.root, 'handoffs', ticket)
    expect(readdirSync(directory).sort()).toEqual(['attempt-6', 'data', 'handoff.json', 'retried-4'])
  })

  it('the error for a dead letter hides the text of its last error from clients: it may hold a path', async () => {
    const manager = tempManager({ handoff: { maxAttempts: 1 } })
    const ticket = await manager.file().handOff()
    const failed = manager.withClaim(ticket, (claim) => void readFileSync(`${claim.path}-not-there`))
    await expect(failed).rejects.toThrow('ENOENT')
    const error = await failure('ERR_TEMP_HANDOFF_DEAD', () => manager.claim(ticket))
    expect(JSON.stringify([error, toProblem(error)])).not.toContain('not-there')
    expect(error.message).toContain('claimed once')
    expect(String(error.cause)).toContain('not-there')
  })

  it('a dead letter is deleted by discard()', async () => {
    const { manager, ticket } = await poisoned()
    await manager.discard(ticket)
    expect(await manager.handoffs()).toEqual([])
  })
})

describe('retry()', () => {
  it('retry() keeps lastError, because it is not an attempt', async () => {
    const { manager, ticket } = await poisoned()
    await manager.retry(ticket)
    expect((await manager.inspect(ticket)).lastError).toBe('failed 1')
  })

  it('retry() of an unknown ticket throws GONE, and of a claimed one CLAIMED', async () => {
    const manager = tempManager()
    const ticket = await manager.file().handOff()
    await manager.claim(ticket)
    await failure('ERR_TEMP_HANDOFF_CLAIMED', () => manager.retry(ticket))
    await failure('ERR_TEMP_HANDOFF_GONE', () => manager.retry('0123456789abcdefghjkmnpqrs'))
    await failure('ERR_TEMP_TICKET_INVALID', () => manager.retry('no ticket'))
  })
})

describe('release()', () => {
  it.each<[string, unknown, string | undefined]>([
    ['an error', new Error('boom'), 'boom'],
    ['a text', 'no codec', 'no codec'],
    ['nothing', undefined, undefined],
    ['a text that is too long', 'x'.repeat(5000), 'x'.repeat(1000)],
  ])(
    'release() with %s leaves its text, of at most 1,000 characters, as lastError',
    async (_, reason, lastError) => {
      const manager = tempManager()
      const ticket = await manager.file().handOff()
      await (await manager.claim(ticket)).release(reason)
      expect((await manager.inspect(ticket)).lastError).toBe(lastError)
      expect((await manager.claim(ticket)).attempt).toBe(2)
    },
  )

  it.each<[string, (manager: TempFileManager, ticket: string) => Promise<unknown>]>([
    ['release() without a reason', async (manager, ticket) => (await manager.claim(ticket)).release()],
    ['the end of a scope', async (manager, ticket) => (await manager.claim(ticket))[Symbol.asyncDispose]()],
    ['removeAll()', (manager, ticket) => manager.claim(ticket).then(() => manager.removeAll())],
  ])('lastError is undefined after a release() with a reason that is followed by %s', async (_, end) => {
    const manager = tempManager()
    const ticket = await manager.file().handOff()
    await (await manager.claim(ticket)).release('the first')
    await end(manager, ticket)
    expect(await manager.inspect(ticket)).toMatchObject({ attempts: 2, lastError: undefined })
  })

  it('release() gives the handoff back without lastError when a directory is in the place of its text', async () => {
    const manager = tempManager()
    const ticket = await manager.file().handOff()
    const claim = await manager.claim(ticket)
    mkdirSync(join(claim.path, '..', '..', 'failure.json'))
    await claim.release('reason')
    expect(await manager.inspect(ticket)).toMatchObject({ state: 'available', lastError: undefined })
  })

  it.each(['a file outside', 'nothing'])(
    'release() replaces a link to %s in the place of its text',
    async (kind) => {
      const manager = tempManager()
      const ticket = await manager.file().handOff()
      const claim = await manager.claim(ticket)
      const victim = join(tempBase(), 'victim')
      if (kind !== 'nothing') writeFileSync(victim, 'text')
      symlinkSync(victim, join(claim.path, '..', '..', 'failure.json'))
      await claim.release('reason')
      expect(await manager.inspect(ticket)).toMatchObject({ state: 'available', lastError: 'reason' })
      expect(existsSync(victim) ? readFileSync(victim, 'utf8') : 'nothing').toBe(
        kind === 'nothing' ? kind : 'text',
      )
    },
  )
})

describe('claims of dead processes', () => {
  it('a claim of a dead process is listed as claimable, with its claimant and the verdict', async () => {
    const manager = tempManager({ baseDir: tempBase() })
    const ticket = await (await manager.receive('text')).handOff()
    const dead = craftSession(manager.root, { owner: REUSED_PID })
    renameSync(join(manager.root, 'handoffs', ticket), join(dead.path, 'claims', ticket))
    const expected = { state: 'available', claimable: true, claimant: { pid: process.pid, verdict: 'dead' } }
    expect(await manager.inspect(ticket)).toMatchObject(expected)
    expect(await manager.handoffs()).toMatchObject([expected])
    expect((await manager.claim(ticket)).ticket).toBe(ticket)
  })

  it('a claim whose owner cannot be judged is listed as claimed, and its error carries the verdict', async () => {
    const manager = tempManager({ baseDir: tempBase() })
    const ticket = await (await manager.receive('text')).handOff()
    const foreign = craftSession(manager.root, {
      owner: { hostname: 'elsewhere', bootId: 'another', pid: 7 },
      lease: 'none',
    })
    renameSync(join(manager.root, 'handoffs', ticket), join(foreign.path, 'claims', ticket))
    const claimant = { pid: 7, hostname: 'elsewhere', verdict: 'unknown' }
    expect(await manager.inspect(ticket)).toMatchObject({ state: 'claimed', claimable: false, claimant })
    const error = await failure('ERR_TEMP_HANDOFF_CLAIMED', () => manager.claim(ticket))
    expect(error.details).toEqual({ pid: 7, claimedAtMs: expect.any(Number), verdict: 'unknown' })
    expect(error.message).toContain('It cannot be proved whether that process is alive')
  })
})
