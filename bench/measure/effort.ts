// How much is measured: all of it, or the smoke that CI runs. Guarantee: quick changes numbers of rounds and sizes,
// never what is compared.

export interface Effort {
  readonly quick: boolean
  /** Picks a number for the full run or the quick one. */
  of(full: number, quick: number): number
  /** The directory of all files of the run; removed at its end. */
  readonly directory: string
}

export function effort(quick: boolean, directory: string): Effort {
  return { quick, directory, of: (full, small) => (quick ? small : full) }
}
