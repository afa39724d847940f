// Many live handles: what the forty-thousandth costs to dispose, and what each weighs.

import { closeSync, mkdirSync, openSync, unlinkSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import tmp from 'tmp'
import type { Effort } from '../measure/effort.ts'
import { interval, ratios } from '../measure/interval.ts'
import { rounds } from '../measure/rounds.ts'
import { type Row, row } from '../measure/verdict.ts'
import { TempFileManager } from '../subject.ts'

const MANY = 40_000
const FEW = 1_000
const SAMPLES = 500
type Order = 'first' | 'last' | 'random'
const ORDERS: readonly Order[] = ['first', 'last', 'random']

/** Makes one; the result removes it. */
type Make = () => () => void

export async function manyHandles(effort: Effort): Promise<Row[]> {
  const directory = `${effort.directory}/many`
  mkdirSync(directory)
  using manager = new TempFileManager({ baseDir: effort.directory, sweep: { onStart: false, every: false } })
  let sequence = 0
  const ours: Make = () => {
    const file = manager.file()
    return () => file[Symbol.dispose]()
  }
  const raw: Make = () => {
    // As long as ours: a directory grows with its names, and so does the search in it.
    const path = `${directory}/tmp-0123456789abcdef-${++sequence}`
    closeSync(openSync(path, 'wx', 0o600))
    return () => unlinkSync(path)
  }
  const theirs: Make = () => tmp.fileSync({ discardDescriptor: true }).removeCallback
  const contestants: [string, Make, number][] = [
    ['raw unlink', raw, effort.of(3, 1)],
    ['file() + using', ours, effort.of(3, 3)],
    ['tmp removeCallback', theirs, 1],
  ]
  const rows: Row[] = []
  const floors: Partial<Record<Order, number>> = {} // what the file system itself grows by
  for (const [what, make, count] of contestants) {
    for (const [order, { many, few }] of grow(make, count)) {
      const growth = ratios(many, few)
      if (make === raw) floors[order] = interval(growth).median
      rows.push(
        row({
          group: 'many handles',
          what: `${what}, ${order} of ${MANY / 1000}k`,
          against: `the same of ${FEW / 1000}k`,
          ours: `${interval(many).median.toFixed(1)} us`,
          theirs: `${interval(few).median.toFixed(1)} us`,
          rounds: growth,
          ...(make === ours
            ? { target: { atMost: 1.3 }, known: { atMost: 1.15 * (floors[order] ?? 1) } }
            : {}),
        }),
      )
    }
  }
  return [...rows, await weight(effort)]
}

function grow(make: Make, count: number): [Order, { many: number[]; few: number[] }][] {
  const result = {
    first: { many: [] as number[], few: [] as number[] },
    last: { many: [] as number[], few: [] as number[] },
    random: { many: [] as number[], few: [] as number[] },
  }
  for (let round = 0; round <= count; round++) {
    for (const [size, live] of [
      ['few', FEW],
      ['many', MANY],
    ] as const) {
      const handles: (() => void)[] = Array.from({ length: live }, make)
      for (const order of ORDERS) {
        const cost = dispose(make, handles, order)
        if (round > 0) result[order][size].push(cost)
      }
      for (const remove of handles) remove()
    }
  }
  return ORDERS.map((order) => [order, result[order]])
}

/** Microseconds for the middle one of many disposals; each is replaced, so that as many stay live. */
function dispose(make: Make, handles: (() => void)[], order: Order): number {
  const times: number[] = []
  for (let sample = 0; sample < SAMPLES; sample++) {
    const index =
      order === 'first'
        ? sample
        : order === 'last'
          ? handles.length - 1
          : Math.floor(Math.random() * handles.length)
    const remove = handles[index]
    const began = performance.now()
    remove?.()
    times.push(performance.now() - began)
    handles[index] = make()
  }
  return interval(times).median * 1000
}

/** Bytes of heap for a live handle. */
async function weight(effort: Effort): Promise<Row> {
  using manager = new TempFileManager({ baseDir: effort.directory, sweep: { onStart: false, every: false } })
  setFlagsFromString('--expose-gc')
  const gc: () => void = runInNewContext('gc')
  const count = 10_000
  const weigh = (make: () => unknown, remove: (handle: unknown) => void) => (): number => {
    const handles = new Array<unknown>(count).fill(null)
    gc()
    const before = process.memoryUsage().heapUsed
    for (let index = 0; index < count; index++) handles[index] = make()
    gc()
    const bytes = (process.memoryUsage().heapUsed - before) / count
    for (const handle of handles) remove(handle)
    return bytes
  }
  const costs = await rounds(
    {
      ours: weigh(
        () => manager.file(),
        (file) => (file as Disposable)[Symbol.dispose](), // what it was made as
      ),
      tmp: weigh(
        () => tmp.fileSync({ discardDescriptor: true }),
        (file) => (file as tmp.FileResult).removeCallback(), // as above
      ),
    },
    effort.of(5, 3),
  )
  return row({
    group: 'many handles',
    what: 'heap for a live handle',
    against: 'tmp.fileSync',
    ours: `${interval(costs.ours).median.toFixed(0)} B`,
    theirs: `${interval(costs.tmp).median.toFixed(0)} B`,
    rounds: ratios(costs.ours, costs.tmp),
    target: { atMost: 0.5 },
  })
}
