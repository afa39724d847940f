// Work that only a program needs whose event loop turns: leases, sweeps, timers.
// Guarantee: a program that ends with its synchronous code does not pay for it, and no process is kept alive by it.
// All of it shares one immediate: several pending ones would look like a busy loop to each other.

const waiting = new Set<{ readonly work: () => void }>()
/** Referenced: the loop turns once and is looked at. An unref'd one alone would wait for an idle server's next event. */
let look: NodeJS.Immediate | undefined
/** Set after a look that found nothing to wait for: runs only if an event arrives nevertheless. */
let late: NodeJS.Immediate | undefined

/** Calls `work` in the loop's first turn, if it continues to turn; the function returned cancels it. */
export function whenLoopTurns(work: () => void): () => void {
  const item = { work }
  waiting.add(item)
  look ??= setImmediate(lookAtLoop)
  return () => cancel(item)
}

/**
 * As {@link whenLoopTurns}, but looks whether the loop will turn when the synchronous code and the promise jobs that it
 * left are done, so that until then nothing shows in process.getActiveResourcesInfo().
 */
export function ifLoopTurns(work: () => void): () => void {
  const item = { work }
  waiting.add(item)
  if (early === undefined) {
    early = []
    process.nextTick(afterPromiseJobs)
  }
  early.push(item)
  return () => cancel(item)
}

/** The items of {@link ifLoopTurns} since the last check. */
let early: { readonly work: () => void }[] | undefined

function afterPromiseJobs(): void {
  void Promise.resolve().then(() => process.nextTick(checkEarly))
}

function checkEarly(): void {
  const items = early ?? []
  early = undefined
  if (waiting.size === 0 || look !== undefined) return // the immediate runs all that wait
  const busy = isLoopBusy()
  if (!busy) waitForEvent()
  else for (const item of items) if (waiting.delete(item)) item.work()
}

function cancel(item: { readonly work: () => void }): void {
  waiting.delete(item)
  if (waiting.size > 0) return
  clearImmediate(look)
  clearImmediate(late)
  look = late = undefined
}

function lookAtLoop(): void {
  look = undefined
  if (isLoopBusy()) runAll()
  else waitForEvent()
}

function waitForEvent(): void {
  late ??= setImmediate(runAll)
  late.unref()
}

function runAll(): void {
  clearImmediate(late)
  late = undefined
  for (const item of [...waiting]) if (waiting.delete(item)) item.work()
}

/** Whether anything keeps the loop alive; assumed where Node does not answer. */
function isLoopBusy(): boolean {
  return process.getActiveResourcesInfo === undefined || process.getActiveResourcesInfo().length > 0
}
