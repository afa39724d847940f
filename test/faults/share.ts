// Which part of many thousand cases a run takes: all of them with FAULTS=all, else every k-th, beginning at one
// that changes from run to run and is printed, so that the next runs take the others.

export interface Share {
  readonly every: number
  readonly from: number
}

/** Every `usual`-th case; FAULTS_EVERY and FAULTS_FROM override it. */
export function shareOf(usual: number): Share {
  const every = process.env['FAULTS'] === 'all' ? 1 : Number(process.env['FAULTS_EVERY'] ?? usual)
  const from = Number(process.env['FAULTS_FROM'] ?? Math.floor(Math.random() * every)) % every
  return { every, from }
}

export function take<T>(cases: readonly T[], { every, from }: Share): T[] {
  return cases.filter((_, index) => index % every === from)
}

/** Runs `work` on all of them, so many at once. */
export async function atOnce<T>(
  items: readonly T[],
  most: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const left = [...items]
  const worker = async (): Promise<void> => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await work(item)
  }
  await Promise.all(Array.from({ length: most }, worker))
}
