import { readFileSync, writeFileSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { isTempFileError, type TempFileManager } from '../../src/index.ts'
import { Child } from '../fixtures/child.ts'
import { namesIn, published } from '../fixtures/handoff-root.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

/** TEMP_FILE_MANAGER_RACES=2000 is the whole of it, a minute; an ordinary run takes a sample. */
const RACES = Number(process.env['TEMP_FILE_MANAGER_RACES'] ?? 200)
const AT_ONCE = 4
const FILES = ['a', 'b', 'c', 'd', 'e']

async function publish(manager: TempFileManager): Promise<string> {
  const dir = manager.dir()
  for (const name of FILES) writeFileSync(dir.join(name), name)
  // Overdue after any tick of the volume's clock.
  return dir.handOff({ ttl: 0, durable: false })
}

it(`a handoff is claimed whole or gone whole, in ${RACES} races of expiry against claim`, async () => {
  const baseDir = tempBase()
  const publisher = tempManager({ baseDir })
  const claimants = [tempManager({ baseDir }), tempManager({ baseDir })]
  const sweeper = new Child('handoff-sweeper.ts', { args: [baseDir] })
  await sweeper.line('READY')
  let [claimed, gone] = [0, 0]
  const race = async (number: number): Promise<void> => {
    const ticket = await publish(publisher)
    for (let wait = number % 5; wait > 0; wait--) await turn()
    const outcomes = await Promise.allSettled([
      ...claimants.map((manager) => manager.claim(ticket)),
      ...(number % 3 === 0 ? [publisher.sweep()] : []),
    ])
    const won = outcomes.flatMap((outcome) =>
      outcome.status === 'fulfilled' && 'ticket' in outcome.value ? [outcome.value] : [],
    )
    expect(won.length).toBeLessThanOrEqual(1)
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') continue
      const code = isTempFileError(outcome.reason) ? outcome.reason.code : String(outcome.reason)
      expect(code).toMatch(won.length === 1 ? /_(CLAIMED|GONE)$/ : /_GONE$/)
    }
    const [claim] = won
    if (claim === undefined) {
      gone++
      return
    }
    claimed++
    for (let look = 0; look < 3; look++) {
      expect(namesIn(claim.path)).toEqual(FILES)
      for (const name of FILES) expect(readFileSync(`${claim.path}/${name}`, 'utf8')).toBe(name)
      await turn()
    }
    // A third goes back, overdue at once: the next claimant or a sweep takes it, whole as well.
    if (number % 3 !== 1) return claim.complete()
    await claim.release()
    const again = await claimants[0]?.claim(ticket).catch(() => undefined)
    if (again === undefined) return
    expect(namesIn(again.path)).toEqual(FILES)
    expect(again.attempt).toBe(2)
    await again.complete()
  }
  let next = 0
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < RACES) await race(next++)
    }),
  )
  sweeper.process.stdin?.end()
  const result = await sweeper.end
  expect(result.stdout).not.toContain('ERROR')
  await publisher.sweep()
  await publisher.sweep()
  expect(published(publisher.root)).toEqual([])
  expect(namesIn(publisher.root, 'sessions')).toHaveLength(3)
  expect(claimed + gone).toBe(RACES)
  // It was a race: both sides have won.
  expect([claimed > 0, gone > 0, result.stdout.includes('EXPIRED 0')]).toEqual([true, true, false])
}, 300_000)
