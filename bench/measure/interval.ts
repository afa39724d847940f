// The median of a list of measurements, and the bounds between which the true median lies. Guarantee: no
// assumption about the noise; the bounds are order statistics, so they are measurements of this very run.

export interface Interval {
  readonly median: number
  /** Between these two lies the true median with at least 95 % probability (with under six values: between all of them). */
  readonly low: number
  readonly high: number
}

/** The median and its distribution-free 95 % confidence interval (binomial, sign test). */
export function interval(values: readonly number[]): Interval {
  const sorted = values.toSorted((one, other) => one - other)
  const last = sorted.length - 1
  const cut = Math.max(0, outsiders(sorted.length))
  const middle = ((sorted[last >> 1] ?? Number.NaN) + (sorted[(last + 1) >> 1] ?? Number.NaN)) / 2
  return { median: middle, low: sorted[cut] ?? Number.NaN, high: sorted[last - cut] ?? Number.NaN }
}

/** How many values may be cut off at each end so that the rest still covers the median with 95 %. */
function outsiders(count: number): number {
  let probability = 0.5 ** count // of no value below the median
  let below = probability
  let cut = -1
  while (below <= 0.025) {
    cut++
    probability *= (count - cut) / (cut + 1)
    below += probability
  }
  return cut
}

/** a[i] / b[i]: two lists measured turn by turn, so that what slows one round slows both sides. */
export function ratios(ours: readonly number[], theirs: readonly number[]): number[] {
  return ours.map((value, index) => value / (theirs[index] ?? Number.NaN))
}
