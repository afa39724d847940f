// The sweep of a thousand dead sessions beside a hundred live ones, against `rm -rf` of as many: with files that hold
// something, as temporary files do, and with empty ones, of which `rm` has the least to do and a sweep as much.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, rmSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { kill, program, start } from '../children/start.ts'
import type { Effort } from '../measure/effort.ts'
import { interval, ratios } from '../measure/interval.ts'
import { rounds } from '../measure/rounds.ts'
import { type Row, row } from '../measure/verdict.ts'
import { TempFileManager } from '../subject.ts'

const FILES = 20

/** Bytes in each file of a dead session. */
const CONTENT = 16 * 1024

/**
 * The cost of judging and counting is fixed, so the ratio depends on what `rm` has to do. In a run with nothing else on the
 * machine (ext4) it was 1.64 (1.37 to 1.96) beside content and 2.54 (1.80 to 2.80) beside empty files on an Epyc, 1.52
 * (1.44 to 1.61) and 3.17 (3.04 to 3.19) on a Xeon, whose disk removes faster; on tmpfs it is higher. docs/benchmarks.md
 * explains why.
 */
export async function sweeping(effort: Effort): Promise<Row[]> {
  return [...(await sweepOf(effort, CONTENT, 2)), ...(await sweepOf(effort, 0, 3.5))]
}

async function sweepOf(effort: Effort, bytes: number, known: number): Promise<Row[]> {
  const dead = effort.of(1000, 200)
  const live = effort.of(100, 20)
  const crowd = program('crowd')
  const holds: number[] = []
  const idleHolds: number[] = []
  let scene = 0

  const make = async (): Promise<Scene> => {
    const name = `sweep-${bytes}-${++scene}`
    const made = (sessions: number, files: number) =>
      start<string[]>(crowd, [effort.directory, name, sessions, files, bytes])
    const groups = await Promise.all([made(dead / 2, FILES), made(dead / 2, FILES), made(live, 1)])
    const [first, second, alive] = groups
    if (first === undefined || second === undefined || alive === undefined) throw new Error('no crowd')
    await Promise.all([kill(first.child), kill(second.child)])
    return { name, dead: [...first.ready, ...second.ready], alive: alive.ready, end: () => kill(alive.child) }
  }
  const costs = await rounds(
    {
      'rm -rf': async () => {
        const { dead: paths, end } = await make()
        const { cost, held } = await timed(() => once(spawn('rm', ['-rf', ...paths]), 'exit'))
        idleHolds.push(held)
        await end()
        return cost
      },
      ours: async () => {
        const made = await make()
        await using manager = new TempFileManager({
          baseDir: effort.directory,
          name: made.name,
          sweep: { onStart: false, every: false },
        })
        const { cost, held, result } = await timed(() => manager.sweep())
        holds.push(held)
        if (result.sessionsRemoved !== dead) throw new Error(`swept ${result.sessionsRemoved} of ${dead}`)
        const left = readdirSync(`${manager.root}/sessions`).filter((name) => name.startsWith('s-'))
        if (left.length !== made.alive.length) throw new Error(`${left.length} sessions are left`)
        await made.end()
        rmSync(manager.root, { recursive: true })
        return cost
      },
    },
    effort.of(4, 3),
  )
  const shown = (list: readonly number[]): string => `${interval(list).median.toFixed(0)} ms`
  const files = bytes === 0 ? 'empty files' : `files of ${bytes / 1024} KiB`
  const what = `sweep of ${dead} dead sessions of ${FILES} ${files} beside ${live} live ones`
  return [
    row({
      group: 'sweep',
      what,
      against: 'rm -rf of the dead ones',
      ours: shown(costs.ours),
      theirs: shown(costs['rm -rf']),
      rounds: ratios(costs.ours, costs['rm -rf']),
      target: { atMost: 1.3 },
      known: { atMost: known },
    }),
    row({
      group: 'sweep',
      what: 'longest hold of the event loop meanwhile',
      against: 'the same while only waiting for rm',
      ours: shown(holds),
      theirs: shown(idleHolds),
      rounds: holds.slice(1),
      unit: 'ms',
      target: { atMost: 20 },
    }),
  ]
}

interface Scene {
  readonly name: string
  readonly dead: readonly string[]
  readonly alive: readonly string[]
  end(): Promise<void>
}

/** Milliseconds of some work, and the longest time for which the event loop was blocked meanwhile. */
async function timed<T>(work: () => Promise<T>): Promise<{ cost: number; held: number; result: T }> {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  await new Promise((resolve) => setTimeout(resolve, 20)) // the timer's own first delays are none of the work's
  delay.enable()
  const began = performance.now()
  const result = await work()
  const cost = performance.now() - began
  await new Promise((resolve) => setTimeout(resolve, 5)) // the last hold is noticed at the turn after it
  delay.disable()
  return { cost, held: Math.max(0, delay.max / 1e6 - 1), result }
}
