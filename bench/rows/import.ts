// Loading the package into a fresh process, against loading `debug`, its one dependency at that moment.

import { spawnSync } from 'node:child_process'
import type { Effort } from '../measure/effort.ts'
import { interval } from '../measure/interval.ts'
import { rounds } from '../measure/rounds.ts'
import { type Row, row } from '../measure/verdict.ts'
import { built } from '../subject.ts'

const ROOT = new URL('../../', import.meta.url).pathname

export async function importing(effort: Effort): Promise<Row[]> {
  const rows: Row[] = []
  const forms = [
    ['require', ['-e'], (name: string) => `require('${name}')`, 'index.cjs'],
    ['import', ['--input-type=module', '-e'], (name: string) => `import '${name}'`, 'index.js'],
  ] as const
  for (const [form, flags, load, entry] of forms) {
    const start = (source: string) => (): number => {
      const began = performance.now()
      const { status } = spawnSync(process.execPath, [...flags, source], { cwd: ROOT })
      if (status !== 0) throw new Error(`could not load: ${source}`)
      return performance.now() - began
    }
    const costs = await rounds(
      { bare: start('0'), debug: start(load('debug')), ours: start(load(built(entry))) },
      effort.of(41, 11),
    )
    const over = (list: readonly number[]): number =>
      interval(list.map((cost, index) => cost - (costs.bare[index] ?? 0))).median
    rows.push(
      row({
        group: 'import',
        what: `${form} of the core, over bare node`,
        against: `${form} of debug, over bare node`,
        ours: `${over(costs.ours).toFixed(1)} ms`,
        theirs: `${over(costs.debug).toFixed(1)} ms`,
        rounds: chunked(costs),
        target: { atMost: 1.6 },
      }),
    )
  }
  return rows
}

/** One start's difference of milliseconds is mostly noise: the medians of several in a row make one figure. */
function chunked(costs: Record<'bare' | 'debug' | 'ours', number[]>): number[] {
  const size = Math.max(1, Math.floor(costs.bare.length / 6))
  const figures: number[] = []
  for (let from = 0; from + size <= costs.bare.length; from += size) {
    const middle = (list: readonly number[]): number => interval(list.slice(from, from + size)).median
    const bare = middle(costs.bare)
    figures.push((middle(costs.ours) - bare) / (middle(costs.debug) - bare))
  }
  return figures
}
