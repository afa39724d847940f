// A few requests at a time.

/** As many as one HTTP agent of the SDK serves well (it keeps 50 sockets). */
const PARALLEL = 16

/** Calls `work` for each item, a few at the same time; rejects with the first failure. */
export async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values()
  const worker = async (): Promise<void> => {
    for (const item of queue) await work(item)
  }
  await Promise.all(Array.from({ length: Math.min(PARALLEL, items.length) }, worker))
}
