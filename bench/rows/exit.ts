// The exit of a process that leaves twenty thousand files: how long its exit listeners take.

import { mkdirSync } from 'node:fs'
import { program, run } from '../children/start.ts'
import type { Effort } from '../measure/effort.ts'
import { interval, ratios } from '../measure/interval.ts'
import { rounds } from '../measure/rounds.ts'
import { type Row, row } from '../measure/verdict.ts'

export async function exit(effort: Effort): Promise<Row[]> {
  const directory = `${effort.directory}/exit`
  mkdirSync(directory)
  const path = program('exit')
  const files = 20_000
  const leave = (way: string) => () => run<number>(path, [way, files, directory])
  const costs = await rounds(
    { 'readdir + unlink': leave('raw'), ours: leave('ours'), rmSync: leave('rmSync') },
    effort.of(4, 3),
    effort.of(1, 0),
  )
  const tmp = await rounds({ tmp: leave('tmp') }, 1, 0)
  const shown = (list: readonly number[]): string => `${interval(list).median.toFixed(0)} ms`
  const base = { group: 'exit', what: `exit with ${files / 1000}k live files`, ours: shown(costs.ours) }
  return [
    row({
      ...base,
      against: 'readdir + unlink of them',
      theirs: shown(costs['readdir + unlink']),
      rounds: ratios(costs.ours, costs['readdir + unlink']),
      target: { atMost: 1.3 },
    }),
    row({
      ...base,
      against: 'fs.rmSync',
      theirs: shown(costs.rmSync),
      rounds: ratios(costs.ours, costs.rmSync),
    }),
    row({
      ...base,
      against: 'tmp, setGracefulCleanup',
      theirs: shown(tmp.tmp),
      rounds: [interval(costs.ours).median / interval(tmp.tmp).median],
    }),
  ]
}
