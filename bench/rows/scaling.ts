// Curves: what grows with the number of live handles, of sessions in the root, of files in a dead session. Guarantee:
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
import { interval, ratios } from '../measure/interval.ts'
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
  const [ours, theirs]: Curves = [new Map(), new Map()]
  for (const size of sizes) {
    while (made.length < size) made.push(manager.file())
    for (; raw < size; raw++) closeSync(openSync(`${directory}/live-${raw}`, 'wx', 0o600))
    const costs = await rounds(
      {
        ours: () => each(2_000, () => manager.file()[Symbol.dispose]()),
        theirs: () =>
          each(2_000, () => {
            const path = `${directory}/f-${++sequence}`
            closeSync(openSync(path, 'wx', 0o600))
            unlinkSync(path)
          }),
      },
      effort.of(9, 4),
    )
    ours.set(size, costs.ours)
    theirs.set(size, costs.theirs)
  }
  rmSync(directory, { recursive: true })
  return {
    file: 'live-handles',
    chart: {
      title: 'One more file, while so many live',
      x: 'live handles',
      y: 'microseconds to make and dispose one',
      logarithmic: true,
      lines: [line('file() + using', ours), line('raw open, close, unlink', theirs)],
    },
    rows: [level('one more file', 'us', ours, 1_000, theirs)],
  }
}

/** A manager's first file and its end beside so many dead sessions; and their sweep, a session. */
async function sessionsInRoot(effort: Effort, sizes: readonly number[]): Promise<Curve> {
  const roots = new Map<number, string>()
  const fill = async (size: number): Promise<string> => {
    const known = roots.get(size)
    if (known !== undefined && readdirSync(known).length >= size) return known
    const template = await deadSession(effort, `root-${size}`, 1)
    multiply(template, size)
    roots.set(size, dirOf(template))
    return dirOf(template)
  }
  const managerOf = (size: number) =>
    new TempFileManager({ baseDir: effort.directory, name: `root-${size}`, sweep: QUIET })
  for (const size of sizes) await fill(size)
  const first = await bySize(sizes, effort.of(9, 4), (size) =>
    each(20, () => {
      using manager = managerOf(size)
      manager.file()
    }),
  )
  const swept = await bySize(sizes, effort.of(3, 3), async (size) => {
    await fill(size)
    await using manager = managerOf(size)
    const began = performance.now()
    const report = await manager.sweep()
    const cost = performance.now() - began
    if (report.sessionsRemoved < size) throw new Error(`swept ${report.sessionsRemoved} of ${size}`)
    return (cost * 1000) / size
  })
  const removed = await bySize(sizes, effort.of(3, 3), async (size) => {
    const cwd = await fill(size)
    const input = readdirSync(cwd)
      .filter((entry) => entry.startsWith('s-'))
      .join('\n')
    const began = performance.now()
    spawnSync('xargs', ['rm', '-rf'], { cwd, input })
    return ((performance.now() - began) * 1000) / size
  })
  return {
    file: 'sessions-in-root',
    chart: {
      title: 'A root with so many dead sessions',
      x: 'sessions in the root',
      y: 'microseconds (both axes logarithmic)',
      logarithmic: true,
      logarithmicY: true,
      lines: [
        line("a manager's first file and close", first),
        line('sweep, a session', swept),
        line('rm -rf, a session', removed),
      ],
    },
    rows: [
      level('first file and close', 'us', first, 100),
      level('sweep, a dead session of one file', 'us', swept, 100),
    ],
  }
}

/** The sweep of one dead session of so many files. */
async function filesInSession(effort: Effort, sizes: readonly number[]): Promise<Curve> {
  const nameOf = (size: number): string => `files-${size}`
  const swept = await bySize(sizes, effort.of(3, 3), async (size) => {
    await deadSession(effort, nameOf(size), size)
    await using manager = new TempFileManager({ baseDir: effort.directory, name: nameOf(size), sweep: QUIET })
    const began = performance.now()
    const report = await manager.sweep()
    const cost = performance.now() - began
    if (report.sessionsRemoved !== 1) throw new Error('the dead session was not swept')
    return cost
  })
  const removed = await bySize(sizes, effort.of(3, 3), async (size) => {
    const path = await deadSession(effort, nameOf(size), size)
    const began = performance.now()
    spawnSync('rm', ['-rf', path])
    return performance.now() - began
  })
  const perFile = new Map(
    [...swept].map(([size, costs]) => [size, costs.map((cost) => (cost * 1000) / size)]),
  )
  return {
    file: 'files-in-session',
    chart: {
      title: 'The sweep of one dead session of so many files',
      x: 'files in the session',
      y: 'milliseconds (both axes logarithmic: straight is proportional)',
      logarithmic: true,
      logarithmicY: true,
      lines: [line('sweep', swept), line('rm -rf', removed)],
    },
    rows: [level('sweep of one dead session, a file', 'us', perFile, 1_000)],
  }
}

/** The rounds' costs at each size. */
type BySize = Map<number, number[]>
type Curves = [ours: BySize, theirs: BySize]

/** Measures all sizes turn by turn. */
async function bySize(
  sizes: readonly number[],
  count: number,
  cost: (size: number) => Promise<number> | number,
): Promise<BySize> {
  const costs = await rounds(
    Object.fromEntries(sizes.map((size) => [`at ${size}`, () => cost(size)])),
    count,
    0,
  )
  return new Map(sizes.map((size) => [size, costs[`at ${size}`] ?? []]))
}

function line(name: string, costs: BySize): Line {
  return { name, points: [...costs].map(([size, list]) => [size, interval(list).median]) }
}

/**
 * Compares the cost at the largest size with the cost at `from`: level, flat, a straight line. By so much as `raw`
 * grows meanwhile ours may grow too: that is the file system's.
 */
function level(what: string, unit: string, costs: BySize, from: number, raw?: BySize): Row {
  const sizes = [...costs.keys()]
  const [small, large] = [sizes.find((size) => size >= from) ?? 0, sizes.at(-1) ?? 0]
  const growth = (of: BySize): number[] => ratios(of.get(large) ?? [], of.get(small) ?? [])
  const allowed = raw === undefined ? 1 : Math.max(1, interval(growth(raw)).median)
  const shown = (size: number): string => `${interval(costs.get(size) ?? []).median.toFixed(2)} ${unit}`
  return row({
    group: 'scaling',
    what: `${what}, at ${large}`,
    against: raw === undefined ? `at ${small}` : `at ${small}, and what raw calls grow by`,
    ours: shown(large),
    theirs: shown(small),
    rounds: growth(costs).map((factor) => factor / allowed),
    target: { atMost: 1.3 },
  })
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
