// Loading the package into a fresh process, against loading `debug`, its one dependency at that moment.

import { spawnSync } from 'node:child_process'
import type { Effort } from '../measure/effort.ts'
import { interval, ratios } from '../measure/interval.ts'
import { rounds } from '../measure/rounds.ts'
import { type Row, row } from '../measure/verdict.ts'
import { built } from '../subject.ts'

const ROOT = new URL('../../', import.meta.url).pathname

export async function importing(effort: Effort): Promise<Row[]> {
  const rows: Row[] = []
  const forms = [
    ['require', ['-e'], (name: string) => `require('${name}')`, 'index.cjs'],
    ['import', ['--input-type=module', '-e'], (name: string) => `await import('${name}')`, 'index.js'],
  ] as const
  for (const [form, flags, load, entry] of forms) {
    const cold = (name: string) => (): number => {
      // Timed inside the child: the start of node itself varies by more than what is measured.
      const source = `const began = performance.now(); ${load(name)}; console.log(performance.now() - began)`
      const { status, stdout } = spawnSync(process.execPath, [...flags, source], { cwd: ROOT })
      if (status !== 0) throw new Error(`could not load: ${name}`)
      return Number(stdout)
    }
    const costs = await rounds({ debug: cold('debug'), ours: cold(built(entry)) }, effort.of(31, 11))
    const shown = (list: readonly number[]): string => `${interval(list).median.toFixed(1)} ms`
    rows.push(
      row({
        group: 'import',
        what: `${form} of the core, cold`,
        against: `${form} of debug, cold`,
        ours: shown(costs.ours),
        theirs: shown(costs.debug),
        rounds: ratios(costs.ours, costs.debug),
        target: { atMost: 1.2 },
      }),
    )
  }
  return rows
}
