// Short programs killed at random times. SHORT_PROGRAMS sets how many (npm run test:short-programs: 500), SHORT_SEED the
// random times.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { TempFileManager } from '../../src/index.ts'
import { builtPackage } from '../fixtures/built.ts'
import { tempBase } from '../fixtures/temp-base.ts'
import { Random } from './random.ts'

const PROGRAMS = Number(process.env['SHORT_PROGRAMS'] ?? 40)
const SEED = Number(process.env['SHORT_SEED'] ?? Date.now() % 1_000_000)
const AT_ONCE = 4
const DEEDS = ['sync', 'scope', 'exit', 'throws', 'claim']
const program = join(import.meta.dirname, 'short-program.mjs')

test(`after ${PROGRAMS} short programs killed at random one sweep leaves nothing (seed ${SEED})`, async () => {
  const index = join(await builtPackage(), 'index.js')
  const baseDir = tempBase()
  const random = new Random(SEED)
  /** Milliseconds that a program lives which is not killed, by the last one. */
  let life = 0
  let killed = 0
  /** Kills it after a part of such a life. */
  const live = async (deed: string, part?: number): Promise<void> => {
    const startedAt = performance.now()
    const child = spawn(process.execPath, [program, index, baseDir, deed], { stdio: 'ignore' })
    const timer = part === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), life * part)
    const [, signal] = await once(child, 'exit')
    clearTimeout(timer)
    if (signal === 'SIGKILL') killed++
    else life = performance.now() - startedAt
  }
  await Promise.all(DEEDS.map((deed) => live(deed)))
  const work = Array.from({ length: PROGRAMS }, () => ({
    deed: random.pick(DEEDS) ?? 'sync',
    // Half of them in the second half of a life: before that Node itself starts.
    part: random.chance(0.5) ? random.next() : 0.5 + random.next() / 2,
  }))
  const worker = async (): Promise<void> => {
    for (let next = work.pop(); next !== undefined; next = work.pop()) await live(next.deed, next.part)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  expect(killed).toBeGreaterThan(PROGRAMS / 4)

  await using manager = new TempFileManager({
    baseDir,
    name: 'short',
    sweep: { onStart: false, every: false },
  })
  const report = await manager.sweep()
  // A claim that was given back, or a ticket whose publisher was killed before it claimed, is work and no leftover.
  for (const { ticket } of report.handoffs) await manager.discard(ticket)
  await manager.close()
  const left = ['sessions', 'handoffs', 'kept'].flatMap((room) => namesIn(join(manager.root, room)))
  expect(left).toEqual([])
  expect(readdirSync(manager.root).filter((name) => !['sessions', 'handoffs'].includes(name))).toEqual([])
}, 600_000)

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}
