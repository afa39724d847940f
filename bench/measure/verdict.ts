// A measured figure against its target. Guarantee: missed means missed by more than the noise: the whole interval
// lies on the wrong side. A miss that docs/benchmarks.md explains is reported each time, and fails when it grows.

import { type Interval, interval } from './interval.ts'

/** `lowAtLeast`: the whole interval must lie above it, not only the median. */
export type Target =
  | { readonly atMost: number }
  | { readonly atLeast: number }
  | { readonly lowAtLeast: number }
export type Verdict = 'met' | 'within noise' | 'known miss' | 'missed' | 'for comparison'

/** One line of the table. */
export interface Row {
  readonly group: string
  readonly what: string
  readonly against: string
  /** The measured values of the two sides, with their unit: '8.4 us'. */
  readonly ours: string
  readonly theirs: string
  readonly figure: Interval
  /** 'x' for a ratio. */
  readonly unit: string
  readonly target: Target | undefined
  readonly verdict: Verdict
  /** Every round's figure. */
  readonly rounds: readonly number[]
  readonly headline?: string | undefined
}

export interface Measured {
  readonly group: string
  readonly what: string
  readonly against: string
  readonly ours: string
  readonly theirs: string
  readonly unit?: string
  readonly target?: Target
  /** Up to here a miss is known and explained. */
  readonly known?: Target
  /** The user's question that this row answers on docs/performance.md. */
  readonly headline?: string | undefined
  readonly rounds: readonly number[]
}

export function row(measured: Measured): Row {
  const figure = interval(measured.rounds)
  const { target, known } = measured
  return { unit: 'x', ...measured, target, figure, verdict: verdictOf(figure, target, known) }
}

export function verdictOf(figure: Interval, target: Target | undefined, known?: Target): Verdict {
  if (target === undefined) return 'for comparison'
  const [decisive, best, limit] = measures(figure, target)
  if (decisive <= limit) return 'met'
  if (best <= limit) return 'within noise'
  return known !== undefined && verdictOf(figure, known) !== 'missed' ? 'known miss' : 'missed'
}

/** The bound that must be met, the most favourable one, and the limit; all so that less is better. */
function measures({ median, low, high }: Interval, target: Target): readonly [number, number, number] {
  if ('atMost' in target) return [median, low, target.atMost]
  if ('atLeast' in target) return [-median, -high, -target.atLeast]
  return [-low, -median, -target.lowAtLeast]
}

export function inWords(target: Target | undefined): string {
  if (target === undefined) return ''
  if ('atMost' in target) return `<= ${target.atMost}`
  return 'atLeast' in target ? `>= ${target.atLeast}` : `from ${target.lowAtLeast}`
}
