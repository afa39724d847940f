// The life of a manager's session, and the operations that run in it. Guarantee: the session is created at the first use, is
// replaced when its directory was removed by others, and is deleted only after everything that runs in it has stopped.

import type { Context } from './context.ts'
import { ioError, isTempFileError, TempFileError } from './errors.ts'
import { whenLoaded } from './on-demand.ts'
import type { Quota } from './quota.ts'
import { endSession, endSessionSync } from './removal/end-own-session.ts'
import { joinSignals } from './runtime/abort.ts'
import { announced } from './runtime/announced.ts'
import { lookForDebug, reportCleanupError } from './runtime/observe.ts'
import { closedError, orClosed } from './session/closed.ts'
import { type ExitTask, exitRegistry } from './session/exit-hook.ts'
import { Session, Vanished } from './session/session.ts'
import type { SweepReport } from './sweep/report.ts'
import type { SweepRequest } from './sweep/sweep-options.ts'
import { Upkeep } from './sweep/upkeep.ts'

export class Lifecycle {
  readonly #context: Context
  readonly #upkeep: Upkeep
  readonly #pending = new Set<Promise<unknown>>()
  /** Created by the first operation that can be aborted: it costs 0.3 ms. */
  #abort: AbortController | undefined
  readonly #exitTask: ExitTask
  #session: Session | undefined
  /** Sessions that close() or removeAll() ends: what fails is tried again by the next of them and at exit. */
  readonly #retiring = new Set<Session>()
  #closing: Promise<void> | undefined
  #closed = false

  constructor(context: Context) {
    lookForDebug()
    this.#context = context
    this.#upkeep = new Upkeep(
      context,
      () => this.#session,
      () => this.#dropLost(),
    )
    this.#exitTask = { signals: context.signals, run: () => this.#end(true) }
  }

  /** The session, if one was created. */
  get session(): Session | undefined {
    return this.#session
  }

  /** Aborts when close() begins. */
  get closing(): AbortSignal {
    return this.#aborting().signal
  }

  /** The session's use of the limits, until it has ended. */
  get quota(): Quota | undefined {
    const [retiring] = this.#retiring
    return (this.#session ?? retiring)?.quota
  }

  /** close() or the process's exit has started. */
  get ending(): boolean {
    return this.#closing !== undefined
  }

  /** Everything has ended. */
  get closed(): boolean {
    return this.#closed
  }

  /** Operations running now. */
  get pending(): number {
    return this.#pending.size + (this.#session?.working.size ?? 0)
  }

  /** @throws ERR_TEMP_CLOSED */
  requireOpen(): void {
    if (this.#closing !== undefined) throw closedError()
  }

  /** Creates something in the session, synchronously; tries once more if the session's directory had been removed. */
  create<A, T>(make: (session: Session, argument: A) => T, argument: A): T {
    const session = this.#session ?? this.#begin()
    try {
      return make(session, argument)
    } catch (error) {
      if (!this.#mayTryAgain(session, error)) throw this.#noticed(error)
    }
    try {
      return make(this.#session ?? this.#begin(), argument)
    } catch (error) {
      throw this.#noticed(error)
    }
  }

  /** Runs an operation in the session; close() waits for it. */
  async run<T>(work: (session: Session) => Promise<T>): Promise<T> {
    this.requireOpen()
    return await this.#track(this.#attempt(work, this.#session ?? this.#begin()))
  }

  /** As {@link run}, for one that can be aborted: by `signal`, and by close(). */
  async abortable<T>(signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const joined = joinSignals(this.#aborting().signal, signal)
    try {
      return await work(joined.signal)
    } finally {
      joined.detach()
    }
  }

  sweep(options: SweepRequest): Promise<SweepReport> {
    return this.abortable(options.signal, (signal) => {
      this.requireOpen()
      return this.#track(this.#upkeep.sweep({ ...options, signal }))
    })
  }

  /** Ends the session and everything in it; the next use starts another one. */
  async removeAll(): Promise<void> {
    this.requireOpen()
    await this.#track(this.#removeAll())
  }

  async #removeAll(): Promise<void> {
    const session = this.#retire()
    if (session !== undefined) session.managerGoesOn = true
    const retiring = [...this.#retiring]
    const abort = this.#abort
    const pending = [...this.#pending]
    this.#abort = undefined
    abort?.abort(removedError())
    session?.abortClaims(removedError)
    await Promise.allSettled(pending)
    for (const each of retiring) if (this.#retiring.has(each)) await this.#endRetiring(each)
  }

  #aborting(): AbortController {
    this.#abort ??= new AbortController()
    if (this.#closing !== undefined) this.#abort.abort(closedError())
    return this.#abort
  }

  close(): Promise<void> {
    return (
      this.#closing ??
      announced(
        (closing) => {
          this.#closing = closing
        },
        () => this.#close(),
      )
    )
  }

  closeSync(): void {
    this.#closing ??= Promise.resolve()
    this.#retire()
    this.#abort?.abort(closedError())
    this.#end(false)
  }

  async #close(): Promise<void> {
    const session = this.#retire()
    this.#abort?.abort(closedError())
    session?.abortClaims(closedError)
    await this.#upkeep.stop()
    await whenLoaded()
    await Promise.allSettled(this.#pending)
    for (const retiring of this.#retiring) await this.#endRetiring(retiring)
    if (this.#retiring.size === 0) this.#ended()
  }

  #end(exiting: boolean): void {
    this.#closing ??= Promise.resolve() // a later exit listener would start a session that is never ended
    this.#upkeep.cancel()
    this.#retire()
    for (const session of this.#retiring) session.abortClaims(closedError)
    for (const session of this.#retiring) if (endSessionSync(session, exiting)) this.#retiring.delete(session)
    if (this.#retiring.size === 0) this.#ended()
  }

  /** Takes the session out of use; nothing is created in it any more. */
  #retire(): Session | undefined {
    const session = this.#session
    this.#session = undefined
    if (session !== undefined) this.#retiring.add(session)
    return session
  }

  /** Ends a session that is out of use, after its operations. One that cannot be ended is tried again at exit. */
  async #endRetiring(session: Session): Promise<void> {
    await Promise.allSettled(session.working)
    if (await endSession(session)) this.#retiring.delete(session)
  }

  #ended(): void {
    this.#closed = true
    exitRegistry().delete(this.#exitTask)
  }

  #begin(): Session {
    this.requireOpen()
    exitRegistry().add(this.#exitTask)
    this.#upkeep.start()
    try {
      this.#session = Session.open(this.#context)
    } catch (error) {
      exitRegistry().delete(this.#exitTask)
      throw this.#noticed(error)
    }
    this.#upkeep.begin(this.#session)
    return this.#session
  }

  async #attempt<T>(work: (session: Session) => Promise<T>, session: Session): Promise<T> {
    try {
      return await work(session)
    } catch (error) {
      if (!this.#mayTryAgain(session, error)) throw this.#noticed(orClosed(session, error))
    }
    try {
      return await work(this.#session ?? this.#begin())
    } catch (error) {
      throw this.#noticed(error)
    }
  }

  async #track<T>(work: Promise<T>): Promise<T> {
    this.#pending.add(work)
    try {
      return await work
    } finally {
      this.#pending.delete(work)
    }
  }

  /** Whether a creation failed because the session's directory was removed, so that it may work now. */
  #mayTryAgain(session: Session, error: unknown): boolean {
    if (this.#closing !== undefined) return false
    if (!(error instanceof Vanished)) return this.#wasFullOfLost(session, error)
    if (!session.confirm()) this.#dropLost()
    return true
  }

  /** The quota of a lost session counts removed files. A body that was partly read cannot be read again. */
  #wasFullOfLost(session: Session, error: unknown): boolean {
    if (!isTempFileError(error) || error.code !== 'ERR_TEMP_QUOTA' || session.confirm()) return false
    this.#dropLost()
    return error.details?.['option'] === 'limits.liveEntries'
  }

  #dropLost(): void {
    const session = this.#session
    if (session === undefined || !session.lost) return
    this.#session = undefined
    if (session.inPlace.size > 0) this.#retiring.add(session) // these files are elsewhere, and still to be removed
    this.#context.counters.sessionsLost++
    reportCleanupError(this.#context.onCleanupError, session.lostError(), true)
  }

  /** The error for the caller. A full disk also starts a sweep: a crash may have filled it. */
  #noticed(error: unknown): unknown {
    const failure =
      error instanceof Vanished ? ioError(error.cause, 'make a temporary file or directory') : error
    if (isTempFileError(failure) && failure.code === 'ERR_TEMP_NO_SPACE') this.#upkeep.soon()
    return failure
  }
}

function removedError(): TempFileError {
  return new TempFileError('ERR_TEMP_ABORTED', 'The operation was aborted by removeAll().')
}
