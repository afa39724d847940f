// Curves: what grows with the number of live handles, of sessions in the root, of files in a dead session. Promise:
// beside ours always runs what the file system itself costs at that size, and our share over it must stay level.

import { spawnSync } from 'node:child_process'
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename } from 'node:path'
import { kill, program, start } from '../children/start.ts'
import type { Effort } from '../measure/effort.ts'
import { interval } from '../measure/interval.ts'
import { rounds } from '../measure/rounds.ts'
import { type Row, row } from '../measure/verdict.ts'
import type { Chart, Line } from '../print/chart.ts'
import { TempFileManager } from '../subject.ts'

const QUIET = { onStart: false, every: false } as const

export interface Curve {
  readonly file: string
  readonly chart: Chart
  readonly rows: readonly Row[]
}

export async function scaling(effort: Effort): Promise<Curve[]> {
  const sizes = (all: readonly number[], most: number): number[] => all.filter((size) => size <= most)
  return [
    await liveHandles(effort, sizes([1, 1_000, 10_000, 40_000, 100_000], effort.of(100_000, 10_000))),
    await sessionsInRoot(effort, sizes([1, 100, 1_000, 10_000], effort.of(10_000, 1_000))),
    await filesInSession(effort, sizes([10, 100, 1_000, 10_000, 100_000], effort.of(100_000, 10_000))),
  ]
}

/** Microseconds to make one more file and dispose it, while so many live. */
async function liveHandles(effort: Effort, sizes: readonly number[]): Promise<Curve> {
  const directory = `${effort.directory}/live`
  mkdirSync(directory)
  using manager = new TempFileManager({ baseDir: effort.directory, sweep: QUIET })
  const made: Disposable[] = []
  let [raw, sequence] = [0, 0]
  const points = new Points(['file() + using', 'raw open, close, unlink'])
  for (const size of sizes) {
    while (made.length < size) made.push(manager.file())
    for (; raw < size; raw++) closeSync(openSync(`${directory}/live-${raw}`, 'wx', 0o600))
    const costs = await rounds(
      {
        'file() + using': () => each(2_000, () => manager.file()[Symbol.dispose]()),
        'raw open, close, unlink': () =>
          each(2_000, () => {
            const path = `${directory}/f-${++sequence}`
            closeSync(openSync(path, 'wx', 0o600))
            unlinkSync(path)
          }),
      },
      effort.of(9, 4),
    )
    points.add(size, costs)
  }
  rmSync(directory, { recursive: true })
  return {
    file: 'live-handles',
    chart: {
      title: 'One more file, while so many live',
      x: 'live handles',
      y: 'microseconds to make and dispose one',
      logarithmic: true,
      lines: points.lines,
    },
    rows: [points.level('one more file', 'us')],
  }
}

/** A manager's first file and its end beside so many dead sessions; and their sweep, a session. */
async function sessionsInRoot(effort: Effort, sizes: readonly number[]): Promise<Curve> {
  const first = new Points(["a manager's first file and close"])
  const swept = new Points(['sweep of one dead session', 'rm -rf of one'])
  for (const size of sizes) {
    const name = `root-${size}`
    const copy = async (): Promise<string> => {
      const template = await deadSession(effort, name, 1)
      multiply(template, size)
      return template
    }
    const sessions = dirOf(await copy())
    first.add(
      size,
      await rounds(
        {
          "a manager's first file and close": () =>
            each(20, () => {
              using manager = new TempFileManager({ baseDir: effort.directory, name, sweep: QUIET })
              manager.file()
            }),
        },
        effort.of(9, 4),
      ),
    )
    await using manager = new TempFileManager({ baseDir: effort.directory, name, sweep: QUIET })
    const costs = await rounds(
      {
        'sweep of one dead session': async () => {
          if (readdirSync(sessions).length < size) await copy()
          const began = performance.now()
          const report = await manager.sweep()
          const cost = performance.now() - began
          if (report.sessionsRemoved < size) throw new Error(`swept ${report.sessionsRemoved} of ${size}`)
          return (cost * 1000) / size
        },
        'rm -rf of one': async () => {
          if (readdirSync(sessions).length < size) await copy()
          const paths = readdirSync(sessions).filter((entry) => entry.startsWith('s-'))
          const began = performance.now()
          spawnSync('xargs', ['rm', '-rf'], { cwd: sessions, input: paths.join('\n') })
          return ((performance.now() - began) * 1000) / size
        },
      },
      effort.of(size > 1_000 ? 3 : 5, 3),
      0,
    )
    swept.add(size, costs)
    rmSync(`${effort.directory}/${basename(manager.root)}`, { recursive: true, force: true })
  }
  return {
    file: 'sessions-in-root',
    chart: {
      title: 'A root with so many dead sessions',
      x: 'sessions in the root',
      y: 'microseconds a session (both axes logarithmic)',
      logarithmic: true,
      logarithmicY: true,
      lines: [...first.lines, ...swept.lines],
    },
    rows: [first.level('first file and close', 'us'), swept.level('sweep a session', 'us')],
  }
}

/** The sweep of one dead session of so many files. */
async function filesInSession(effort: Effort, sizes: readonly number[]): Promise<Curve> {
  const points = new Points(['sweep', 'rm -rf'])
  for (const size of sizes) {
    const name = `files-${size}`
    await using manager = new TempFileManager({ baseDir: effort.directory, name, sweep: QUIET })
    const costs = await rounds(
      {
        sweep: async () => {
          await deadSession(effort, name, size)
          const began = performance.now()
          const report = await manager.sweep()
          const cost = performance.now() - began
          if (report.sessionsRemoved !== 1) throw new Error('the dead session was not swept')
          return cost
        },
        'rm -rf': async () => {
          const path = await deadSession(effort, name, size)
          const began = performance.now()
          spawnSync('rm', ['-rf', path])
          return performance.now() - began
        },
      },
      effort.of(size > 10_000 ? 3 : 5, 3),
      1,
    )
    points.add(size, costs)
  }
  return {
    file: 'files-in-session',
    chart: {
      title: 'The sweep of one dead session of so many files',
      x: 'files in the session',
      y: 'milliseconds (both axes logarithmic: straight is proportional)',
      logarithmic: true,
      logarithmicY: true,
      lines: points.lines,
    },
    rows: [points.level('sweep of one session', 'ms')],
  }
}

class Points {
  readonly #lists: Map<string, [number, number][]>
  /** Every round's cost of the first line over the second's, or over its own median at the first size of 100 and more. */
  readonly #shares: { size: number; rounds: number[] }[] = []
  readonly #names: readonly string[]

  constructor(names: readonly string[]) {
    this.#names = names
    this.#lists = new Map(names.map((name) => [name, []]))
  }

  add(size: number, costs: Record<string, readonly number[]>): void {
    for (const name of this.#names) this.#lists.get(name)?.push([size, interval(costs[name] ?? []).median])
    const [ours = '', theirs] = this.#names
    const base = theirs === undefined ? undefined : costs[theirs]
    this.#shares.push({
      size,
      rounds: (costs[ours] ?? []).map((cost, index) => cost / (base?.[index] ?? 1)),
    })
  }

  get lines(): Line[] {
    return [...this.#lists].map(([name, points]) => ({ name, points }))
  }

  /** Our share at the largest size against that at the first which is more than start-up cost. */
  level(what: string, unit: string): Row {
    const ofMany = this.#shares.filter(({ size }) => size >= 100)
    const [small, large] = [ofMany[0], ofMany.at(-1)]
    if (small === undefined || large === undefined) throw new Error('too few sizes')
    const base = interval(small.rounds).median
    const at = (size: number): string => {
      const point = this.lines[0]?.points.find(([x]) => x === size)
      return `${point?.[1].toFixed(1)} ${unit}`
    }
    const [, theirs] = this.#names
    return row({
      group: 'scaling',
      what: `${what}${theirs === undefined ? '' : ` over ${theirs}`}, at ${large.size}`,
      against: `at ${small.size}`,
      ours: at(large.size),
      theirs: at(small.size),
      rounds: large.rounds.map((share) => share / base),
      target: { atMost: 1.3 },
    })
  }
}

/** Microseconds a call. */
function each(times: number, call: () => void): number {
  const began = performance.now()
  for (let time = 0; time < times; time++) call()
  return ((performance.now() - began) * 1000) / times
}

/** The path of a session whose owner was killed. */
async function deadSession(effort: Effort, name: string, files: number): Promise<string> {
  const { child, ready } = await start<string[]>(program('crowd'), [effort.directory, name, 1, files])
  await kill(child)
  const [path] = ready
  if (path === undefined) throw new Error('no session was made')
  return path
}

const dirOf = (path: string): string => path.slice(0, path.lastIndexOf('/'))

/** Copies a dead session's record (its process is as dead in all of them) until there are so many. */
function multiply(template: string, size: number): void {
  const id = basename(template).slice('s-'.length)
  const record = readFileSync(`${template}/owner.json`, 'utf8')
  for (let made = readdirSync(dirOf(template)).length; made < size; made++) {
    const copy = `${id.slice(0, -6)}${made.toString(36).padStart(6, '0')}`
    const path = `${dirOf(template)}/s-${copy}`
    mkdirSync(`${path}/claims`, { recursive: true, mode: 0o700 })
    writeFileSync(`${path}/owner.json`, record.replaceAll(id, copy), { mode: 0o600 })
    writeFileSync(`${path}/tmp-1`, '')
  }
}
