// Listening to abort signals.
// Guarantee: however many operations share a signal, the signal has one listener of this library, and none once the
// last of them has ended. (Node 20 warns at the eleventh listener, and its AbortSignal.any keeps every dependant alive
// as long as the longest lived source, here a manager's own signal.)

import { nameOf, optionError, TempFileError } from '../errors.ts'

interface Watch {
  readonly callbacks: Set<() => void>
  readonly listener: () => void
}

const watches = new WeakMap<AbortSignal, Watch>()

/**
 * Calls `callback` once, with the first of `signals` that aborts: synchronously if one already has. Call the returned
 * function when the operation has ended.
 * @throws ERR_TEMP_OPTION_INVALID for a value that is not a signal
 */
export function onAbort(
  signals: readonly (AbortSignal | undefined)[],
  callback: (signal: AbortSignal) => void,
): () => void {
  const present = signals.filter((signal) => signal !== undefined)
  present.forEach(checkSignal)
  const aborted = present.find((signal) => signal.aborted)
  if (aborted !== undefined) {
    callback(aborted)
    return () => {}
  }
  const ends: (() => void)[] = []
  const detach = (): void => {
    for (const end of ends.splice(0)) end()
  }
  for (const signal of present) {
    ends.push(
      watch(signal, () => {
        detach()
        callback(signal)
      }),
    )
  }
  return detach
}

/** A signal that aborts with the first of several, until it is detached. */
export interface JoinedSignal {
  readonly signal: AbortSignal
  detach(): void
}

/** Joins signals; a single one is returned as it is. @throws ERR_TEMP_OPTION_INVALID for a value that is not a signal */
export function joinSignals(...signals: readonly (AbortSignal | undefined)[]): JoinedSignal {
  const present = signals.filter((signal) => signal !== undefined)
  present.forEach(checkSignal)
  const [only] = present
  if (only !== undefined && present.length === 1) return { signal: only, detach: () => {} }
  const controller = new AbortController()
  const detach = onAbort(present, (signal) => controller.abort(signal.reason))
  return { signal: controller.signal, detach }
}

/** The owner's end, seen from an operation in it, is an abort. */
const OWNER_ENDED = new Set(['ERR_TEMP_CLOSED', 'ERR_TEMP_REMOVED'])

/** The error for a signal's reason: ERR_TEMP_TIMEOUT for that of `AbortSignal.timeout`, the reason itself if it is a TempFileError, else ERR_TEMP_ABORTED. */
export function abortError(reason: unknown): TempFileError {
  if (reason instanceof TempFileError && !OWNER_ENDED.has(reason.code)) return reason
  if (nameOf(reason) === 'TimeoutError') {
    return new TempFileError(
      'ERR_TEMP_TIMEOUT',
      'The transfer took longer than its signal allows. No part of it was kept.',
      { cause: reason },
    )
  }
  return new TempFileError('ERR_TEMP_ABORTED', 'The transfer was aborted. No part of it was kept.', {
    cause: reason,
  })
}

/** Waits for `work` until one of the signals aborts. @throws ERR_TEMP_ABORTED, ERR_TEMP_TIMEOUT; the error of `work` */
export async function untilAborted(
  signals: readonly (AbortSignal | undefined)[],
  work: () => Promise<void>,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const unwatch = onAbort(signals, ({ reason }) => reject(abortError(reason)))
    work().then(resolve, reject).finally(unwatch)
  })
}

/** By its methods: a test runner's realm has an AbortSignal of its own. */
function checkSignal(signal: AbortSignal): void {
  if (typeof signal?.addEventListener === 'function') return
  throw optionError('signal', 'signal must be an AbortSignal.')
}

function watch(signal: AbortSignal, callback: () => void): () => void {
  const { callbacks, listener } = watches.get(signal) ?? listen(signal)
  callbacks.add(callback)
  return () => {
    callbacks.delete(callback)
    if (callbacks.size > 0) return
    watches.delete(signal)
    signal.removeEventListener('abort', listener)
  }
}

function listen(signal: AbortSignal): Watch {
  const callbacks = new Set<() => void>()
  const listener = (): void => {
    for (const callback of [...callbacks]) callback()
  }
  const watch = { callbacks, listener }
  watches.set(signal, watch)
  signal.addEventListener('abort', listener)
  return watch
}
