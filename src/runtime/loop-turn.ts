// Work that only a program needs whose event loop turns. Guarantee: a program that ends with its synchronous code does
// not pay for it, and none is kept alive by it.
// An unref'd immediate alone would not do: it runs only after the next event, which an idle server may wait for long.

/** Calls `work` in the loop's first turn, if it goes on turning; the function returned cancels it. */
export function whenLoopTurns(work: () => void): () => void {
  let immediate = setImmediate(() => {
    if (isLoopBusy()) work()
    else {
      // The program is ending, unless an event still comes.
      immediate = setImmediate(work)
      immediate.unref()
    }
  })
  return () => clearImmediate(immediate)
}

/**
 * As {@link whenLoopTurns}, but looks whether the loop will turn when the synchronous code and the promise jobs that it
 * left are done, so that until then nothing shows in process.getActiveResourcesInfo().
 */
export function ifLoopTurns(work: () => void): () => void {
  let cancelled = false
  let immediate: NodeJS.Immediate | undefined
  const look = (): void => {
    if (cancelled) return
    if (isLoopBusy()) work()
    else {
      immediate = setImmediate(work)
      immediate.unref()
    }
  }
  process.nextTick(() => queueMicrotask(() => process.nextTick(look)))
  return () => {
    cancelled = true
    clearImmediate(immediate)
  }
}

/** Whether anything keeps the loop alive; assumed where Node does not answer. */
function isLoopBusy(): boolean {
  return process.getActiveResourcesInfo === undefined || process.getActiveResourcesInfo().length > 0
}
