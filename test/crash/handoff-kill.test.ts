// kill -9 at every step of publishing, claiming, completing, releasing and handing on. The steps are counted in
// this process; for each one a child does the same and is killed while it waits just before that step.

import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { bundle } from '../fixtures/bundle.ts'
import { Child } from '../fixtures/child.ts'
import { failure } from '../fixtures/failures.ts'
import { digestsOf, namesIn, published } from '../fixtures/handoff-root.ts'
import { perform, publishClip, type StepOperation, watchedManager } from '../fixtures/handoff-steps.ts'
import { untilStopped } from '../fixtures/stopped.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

const AT_ONCE = 3

let programs = ''
beforeAll(async () => {
  programs = await bundle('handoff-step')
})

/** The steps of an operation, by name. */
async function stepsOf(operation: StepOperation): Promise<string[]> {
  const baseDir = tempBase()
  const publisher = tempManager({ baseDir })
  const ticket = operation === 'publish' ? '' : await publishClip(publisher)
  const steps: string[] = []
  const { manager, watch } = watchedManager(baseDir, (step) => steps.push(step))
  await perform(manager, watch, operation, ticket)
  const seen = [...steps]
  await manager.close()
  return seen
}

interface Stopped {
  readonly baseDir: string
  readonly child: Child
  readonly ticket: string
  /** Its data before, by name and digest. */
  readonly data: Record<string, string>
}

/** Runs `check` for every step: with the number of steps that were done, while the child waits. */
async function atEveryStep(
  operation: StepOperation,
  check: (stopped: Stopped, done: number, steps: readonly string[]) => Promise<void>,
): Promise<void> {
  const steps = await stepsOf(operation)
  const numbers = [...steps.keys(), steps.length]
  const worker = async (): Promise<void> => {
    for (let done = numbers.shift(); done !== undefined; done = numbers.shift()) {
      const baseDir = tempBase()
      const publisher = tempManager({ baseDir })
      const ticket = await publishClip(publisher)
      const data = digestsOf(join(publisher.root, 'handoffs', ticket, 'data'))
      if (operation === 'publish') await publisher.discard(ticket)
      await publisher.close()
      const child = new Child(join(programs, 'handoff-step.cjs'), {
        args: [baseDir, operation, String(done + 1), ticket],
      })
      const where = await child.line('STOPPED')
      expect(where.split(' ')[0], `step ${done + 1}`).toBe((steps[done] ?? 'after').split(' ')[0])
      await untilStopped(child.pid)
      await check({ baseDir, child, ticket, data }, done, steps)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

async function kill(child: Child): Promise<void> {
  child.kill('SIGKILL')
  expect((await child.end).signal).toBe('SIGKILL')
}

/** The number of the step that commits: from it on the operation is done. */
function indexOf(steps: readonly string[], pattern: RegExp): number {
  const index = steps.findIndex((step) => pattern.test(step))
  expect(index, `${pattern} among\n${steps.join('\n')}`).toBeGreaterThanOrEqual(0)
  return index
}

/** Only `own` is in sessions/ after the sweep, and nothing but `tickets` in handoffs/. */
async function expectNoLeak(manager: ReturnType<typeof tempManager>, tickets: string[]): Promise<void> {
  const report = await manager.sweep()
  expect(report.errors).toEqual([])
  const own = (manager.sessionPath ?? '').split('/').slice(-1)
  expect(namesIn(manager.root, 'sessions')).toEqual(own)
  expect(published(manager.root)).toEqual(tickets)
}

describe('kill -9', () => {
  it('kill -9 of a publisher leaves the handoff complete or absent, and nothing leaks', async () => {
    await atEveryStep('publish', async ({ baseDir, child, data }, done, steps) => {
      const commit = indexOf(steps, /^rename .*\/handoffs\/[^/]+$/)
      const manager = tempManager({ baseDir })
      manager.file()
      // It waits, and lives: a sweep takes nothing from it.
      expect((await manager.sweep()).sessionsRemoved).toBe(0)
      await kill(child)
      const tickets = published(manager.root)
      expect(tickets.length, steps[done]).toBe(done > commit ? 1 : 0)
      await expectNoLeak(manager, tickets)
      for (const ticket of tickets) {
        const claim = await manager.claim(ticket)
        expect(digestsOf(join(claim.path, '..'))).toEqual(data)
        expect([claim.attempt, claim.meta]).toEqual([1, { clip: 1 }])
        await claim.complete()
      }
      await expectNoLeak(manager, [])
    })
  })

  it.each(['claim', 'release'] as const)(
    'kill -9 of a claimant at any step of a %s leaves the handoff complete, counted and claimable at once',
    async (operation) => {
      await atEveryStep(operation, async ({ baseDir, child, ticket, data }, done, steps) => {
        const counted = operation === 'release' || done > indexOf(steps, /^rename .*\/attempt-1$/)
        const back = operation === 'release' && done > indexOf(steps, /^rename .*\/handoffs\/[^/]+$/)
        const held = !back && (operation === 'release' || done > 0)
        const manager = tempManager({ baseDir })
        if (held) {
          const error = await failure('ERR_TEMP_HANDOFF_CLAIMED', () => manager.claim(ticket))
          expect(error.details).toMatchObject({ pid: child.pid })
        } else {
          expect(await manager.inspect(ticket)).toMatchObject({ state: 'available', files: 2 })
        }
        await kill(child)
        // No sweep in between: a retry right after the crash must find it.
        const claim = await manager.claim(ticket)
        expect(claim.attempt, steps[done]).toBe(counted ? 2 : 1)
        expect(digestsOf(join(claim.path, '..'))).toEqual(data)
        await claim.complete()
        await expectNoLeak(manager, [])
      })
    },
  )

  it('kill -9 of a completing claimant loses no handoff before the commit, and brings none back after it', async () => {
    await atEveryStep('complete', async ({ baseDir, child, ticket, data }, done, steps) => {
      const commit = indexOf(steps, /^rename .*\/\.gone-/)
      expect(commit).toBe(0)
      const manager = tempManager({ baseDir })
      manager.file()
      if (done > commit) await failure('ERR_TEMP_HANDOFF_GONE', () => manager.claim(ticket))
      else await failure('ERR_TEMP_HANDOFF_CLAIMED', () => manager.claim(ticket))
      await kill(child)
      if (done > commit) {
        await failure('ERR_TEMP_HANDOFF_GONE', () => manager.claim(ticket))
      } else {
        const claim = await manager.claim(ticket)
        expect(claim.attempt).toBe(2)
        expect(digestsOf(join(claim.path, '..'))).toEqual(data)
        await claim.complete()
      }
      await expectNoLeak(manager, [])
    })
  })

  it('kill -9 of a claimant that hands off again leaves exactly one of the two handoffs, complete', async () => {
    await atEveryStep('hand on', async ({ baseDir, child, ticket, data }, done, steps) => {
      const commit = indexOf(steps, /^rename .*\/handoffs\/[^/]+$/)
      const manager = tempManager({ baseDir })
      manager.file()
      await kill(child)
      const before = published(manager.root)
      expect(before.length, steps[done]).toBe(done > commit ? 1 : 0)
      if (done > commit) {
        expect(before).not.toContain(ticket)
        await failure('ERR_TEMP_HANDOFF_GONE', () => manager.claim(ticket))
      }
      const [left = ''] = done > commit ? before : [ticket]
      const claim = await manager.claim(left)
      expect([claim.attempt, claim.meta]).toEqual(done > commit ? [1, { clip: 2 }] : [2, { clip: 1 }])
      expect(digestsOf(join(claim.path, '..'))).toEqual(data)
      await claim.complete()
      await expectNoLeak(manager, [])
    })
  })
}, 60_000)
