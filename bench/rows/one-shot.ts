// A one-shot program: import, one file written and removed, end. The whole process, over a process that does nothing,
// against the same program with tmp; and where each tenth of a millisecond goes.

import { mkdirSync, rmSync } from 'node:fs'
import { program, run } from '../children/start.ts'
import { type Disk, onEachDisk } from '../measure/disks.ts'
import type { Effort } from '../measure/effort.ts'
import { interval, ratios } from '../measure/interval.ts'
import { rounds } from '../measure/rounds.ts'
import { type Row, row } from '../measure/verdict.ts'

interface Report {
  /** Milliseconds of processor time, user and system, of all threads. */
  readonly cpu: number
  readonly steps: readonly (readonly [name: string, milliseconds: number])[]
}

type Form = 'import' | 'require'

// Misses that docs/benchmarks.md explains ("What we are slower at"), with room for the noise: by require 1.8 to 2.0 times
// tmp's program (1.5 to 2.4), the first file 3.2 to 4.3 times tmp's.
const KNOWN: Readonly<Record<Form, number | undefined>> = { import: undefined, require: 2.6 }
const KNOWN_FIRST = 5

export function oneShot(effort: Effort): Promise<Row[]> {
  return onEachDisk(effort.directory, async (disk) => [
    ...(await processes(effort, disk, 'import')),
    ...(await processes(effort, disk, 'require')),
  ])
}

async function processes(effort: Effort, disk: Disk, form: Form): Promise<Row[]> {
  const child = program('one-shot')
  const steps: Record<string, Map<string, number[]>> = { ours: new Map(), tmp: new Map() }
  const directory = `${disk.directory}/one-shot`
  const runs = effort.of(5, 2) // the least of them counts, so a run that was interrupted does not
  mkdirSync(directory, { recursive: true })
  const note = (way: string, report: Report): void => {
    for (const [name, ms] of report.steps) {
      const list = steps[way]?.get(name) ?? []
      list.push(ms)
      steps[way]?.set(name, list)
    }
  }
  const wall: Record<string, number[]> = { bare: [], ours: [], tmp: [] }
  const contestant = (way: 'bare' | 'ours' | 'tmp') => (): number => {
    const cpu: number[] = []
    const walls: number[] = []
    for (let time = 0; time < runs; time++) {
      const began = performance.now()
      const report = run<Report>(child, [way, form, directory])
      walls.push(performance.now() - began)
      cpu.push(report.cpu)
      if (way !== 'bare') note(way, report)
    }
    wall[way]?.push(Math.min(...walls))
    return Math.min(...cpu)
  }
  const cpu = await rounds(
    { bare: contestant('bare'), ours: contestant('ours'), tmp: contestant('tmp') },
    effort.of(21, 3),
    1,
  )
  const walls = { bare: after(wall['bare']), ours: after(wall['ours']), tmp: after(wall['tmp']) }
  const made = firstInNewRoot(child, form, directory, effort.of(31, 5))
  for (const way of ['ours', 'tmp'])
    console.log(`one-shot, ${form}, ${disk.name}, ${way}: ${breakdown(steps[way] ?? new Map())}`)
  const first = steps['ours']?.get('file()') ?? []
  const theirFirst = steps['tmp']?.get('file()') ?? []
  const ms = (list: readonly number[]): string => `${interval(list).median.toFixed(1)} ms`
  const base = { group: 'one-shot', against: 'the same with tmp' }
  const where = `${form}, ${disk.name}`
  const overBare = (costs: typeof walls): { ours: string; theirs: string; rounds: number[] } => {
    const over = (list: readonly number[]): number[] =>
      list.map((cost, index) => cost - (costs.bare[index] ?? 0))
    return {
      ours: ms(over(costs.ours)),
      theirs: ms(over(costs.tmp)),
      rounds: ratios(over(costs.ours), over(costs.tmp)),
    }
  }
  return [
    row({
      ...base,
      what: `one-shot program over bare node, processor time, ${where}`,
      ...overBare(cpu),
      target: { atMost: 1 },
      ...knownOf(form),
      headline:
        form === 'import' && disk.directory === effort.directory
          ? 'What does a short program pay?'
          : undefined,
    }),
    row({
      ...base,
      what: `one-shot program over bare node, elapsed time, ${where}`,
      ...overBare(walls),
      target: { atMost: 1 },
      ...knownOf(form),
    }),
    absolute(`first file() of a manager, ${where}`, first, theirFirst, 1),
    absolute(`first file() that creates the root, ${where}`, made, theirFirst, 1.5),
  ]
}

function knownOf(form: Form): Pick<Parameters<typeof row>[0], 'known'> {
  const atMost = KNOWN[form]
  return atMost === undefined ? {} : { known: { atMost } }
}

/** A row in milliseconds. The time of a fresh process is its least disturbed quarter: the rest is the machine's. */
function absolute(what: string, ours: readonly number[], theirs: readonly number[], target: number): Row {
  const quiet = (list: readonly number[]): number[] =>
    list.toSorted((one, other) => one - other).slice(0, Math.max(5, list.length >> 2))
  const shown = (list: readonly number[]): string => `${interval(list).median.toFixed(2)} ms`
  return row({
    group: 'one-shot',
    what,
    against: 'first tmp.fileSync()',
    ours: shown(quiet(ours)),
    theirs: shown(quiet(theirs)),
    rounds: quiet(ours),
    unit: 'ms',
    target: { atMost: target },
    known: { atMost: KNOWN_FIRST * interval(quiet(theirs)).median },
  })
}

function firstInNewRoot(child: string, form: Form, directory: string, count: number): number[] {
  return Array.from({ length: count }, (_, index) => {
    const base = `${directory}/new-${index}`
    mkdirSync(base)
    const { steps } = run<Report>(child, ['ours', form, base])
    rmSync(base, { recursive: true })
    return steps.find(([name]) => name === 'file()')?.[1] ?? Number.NaN
  })
}

/** The least time of each step, in milliseconds. */
function breakdown(steps: ReadonlyMap<string, readonly number[]>): string {
  return [...steps].map(([name, list]) => `${name} ${Math.min(...list).toFixed(2)}`).join(', ')
}

/** Without the warm-up round. */
function after(list: readonly number[] = []): number[] {
  return list.slice(1)
}
