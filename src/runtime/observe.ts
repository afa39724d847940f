// The library's reports to an observer: debug namespaces, diagnostics channels and warnings. Guarantee: the first two cost
// one check when nothing listens, and no name from outside reaches a log unsanitised.

import { channel } from 'node:diagnostics_channel'
import type { Debugger } from 'debug'
import { TempFileError } from '../errors.ts'
import { debug } from './lazy.ts'

/** The debug loggers, one a room: `DEBUG=temp-file-manager:*`. */
export const log = {
  file: logger('file'),
  session: logger('session'),
  handoff: logger('handoff'),
  upload: logger('upload'),
  sweep: logger('sweep'),
  http: logger('http'),
}

let isAskedFor = false

/** Checks whether DEBUG names this package; otherwise `debug`, which takes 4 ms, is never loaded. debug.enable() sets DEBUG too. */
export function lookForDebug(): void {
  const asked = process.env['DEBUG']
  isAskedFor = asked !== undefined && /\*|temp-file-manager/.test(asked)
}

interface Log {
  (format: string, ...values: unknown[]): void
  readonly enabled: boolean
}

function logger(room: string): Log {
  let made: Debugger | undefined
  const get = (): Debugger | undefined => {
    if (!isAskedFor) return undefined
    made ??= debug()?.(`temp-file-manager:${room}`)
    return made
  }
  const write = (format: string, ...values: unknown[]): void => get()?.(format, ...values)
  // defineProperty's declared result lacks the property that it defined.
  return Object.defineProperty(write, 'enabled', { get: () => get()?.enabled === true }) as Log
}

/** The diagnostics channels (`node:diagnostics_channel`); messages are plain objects. */
export const channels = {
  create: channel('temp-file-manager:create'),
  remove: channel('temp-file-manager:remove'),
  handoff: channel('temp-file-manager:handoff'),
  claim: channel('temp-file-manager:claim'),
  upload: channel('temp-file-manager:upload'),
  sweep: channel('temp-file-manager:sweep'),
  cleanupError: channel('temp-file-manager:cleanup-error'),
}

/** The reaction to a failed cleanup: warn, throw from the disposal, or call a function. */
export type OnCleanupError = 'warn' | 'throw' | ((error: TempFileError) => void)

/**
 * Reports a cleanup that failed, and throws only where the policy is to throw and the caller may
 * (`background` work never throws: it warns instead).
 */
export function reportCleanupError(policy: OnCleanupError, error: TempFileError, background = false): void {
  if (channels.cleanupError.hasSubscribers) channels.cleanupError.publish({ error })
  if (typeof policy === 'function') {
    const report = async (): Promise<void> => policy(error) // JavaScript may pass a function that returns a promise
    report().catch((thrown: unknown) =>
      process.emitWarning(thrown instanceof Error ? thrown : new Error(String(thrown))),
    )
  } else if (policy === 'throw' && !background) {
    throw error
  } else {
    warn(error.message, detailOf(error), error.code)
  }
}

/** Warns the operator. At exit a process warning would come too late (it waits for a tick), so it goes to stderr at once. */
export function warn(message: string, detail: string, code?: string): void {
  if (exiting) console.error('TempFileManagerWarning: %s\n  %s', message, detail)
  else
    process.emitWarning(message, {
      type: 'TempFileManagerWarning',
      detail,
      ...(code === undefined ? {} : { code }),
    })
}

let exiting = false

/** Called by the exit hook before its work. */
export function noteExit(): void {
  exiting = true
}

function detailOf(error: TempFileError): string {
  const cause = error.cause instanceof Error ? error.cause.message : ''
  return [error.path, cause].filter(Boolean).join(': ')
}

/** The error of a removal that failed after its retries. */
export function cleanupError(cause: unknown, path: string): TempFileError {
  return new TempFileError(
    'ERR_TEMP_CLEANUP',
    'A temporary file or directory could not be removed yet. It stays where it is, and is tried again by the next sweep, when the manager closes and at exit; call remove() to try again now.',
    { cause, path },
  )
}

interface Loss {
  readonly what: string
  /** A temp whose manager was closed is not reported. */
  readonly session: { readonly ended: boolean }
}

let uncollected: FinalizationRegistry<Loss> | undefined

/** With `DEBUG=temp-file-manager:file`: names a temp that was collected without ever being disposed, and where it was made. */
export function watchForLoss(entry: object, name: string, session: Loss['session']): void {
  uncollected ??= new FinalizationRegistry((loss) => {
    if (!loss.session.ended) log.file('collected without being disposed: %s', loss.what)
  })
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 20 // this package's frames come first; the program's own are the useful ones
  const made = new Error().stack?.split('\n').slice(3).join('\n') ?? ''
  Error.stackTraceLimit = limit
  uncollected.register(entry, { what: `${name}, made\n${made}`, session }, entry)
}

/** Ends the watch when the temp is disposed. */
export function endWatch(entry: object): void {
  uncollected?.unregister(entry)
}
