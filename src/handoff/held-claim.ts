// A claim that this process holds: what can be done with it, each once. Guarantee: until complete() has renamed it
// away it goes back by itself, however this process ends; after that it never comes back.

import { giveBack } from '../claimable/give-back.ts'
import type { HandoffRecord } from '../claimable/handoff-record.ts'
import { reasonText } from '../claimable/last-error.ts'
import { existsAt, renameIfThere } from '../disk/paths.ts'
import { removeTree, removeTreeSync } from '../disk/remove/remove.ts'
import { syncDirectory, syncDirectorySync } from '../disk/sync.ts'
import { ioError, TempFileError } from '../errors.ts'
import { DATA, goneName, inside } from '../layout.ts'
import { log } from '../runtime/observe.ts'
import type { Session } from '../session/session.ts'

/** How often a claim whose signal is in use is looked after. */
const WATCH_MS = 1000

export class HeldClaim {
  readonly session: Session
  readonly directory: string
  readonly record: HandoffRecord
  readonly attempt: number
  /** Why it will be given back, once that is known. */
  reason: unknown
  readonly #controller: AbortController
  #watch: NodeJS.Timeout | undefined
  /** Its path since it was completed; asked again after a failed sync. */
  #gone: string | undefined

  constructor(session: Session, directory: string, record: HandoffRecord, attempt: number) {
    this.session = session
    this.directory = directory
    this.record = record
    this.attempt = attempt
    this.#controller = new AbortController()
    session.claimed.set(record.ticket, this.#controller)
  }

  get path(): string {
    return inside(inside(this.directory, DATA), this.record.name)
  }

  /** Aborts when the claim is lost, or its manager closes. The disk is looked at only once this was asked for. */
  get signal(): AbortSignal {
    if (this.#watch === undefined && this.#isHeld && !this.#controller.signal.aborted)
      this.#watch = setInterval(() => this.#look(), WATCH_MS).unref()
    return this.#controller.signal
  }

  /** Deletes the handoff for good; the rename is the commit. @throws ERR_TEMP_SESSION_LOST, ERR_TEMP_IO */
  async complete(): Promise<void> {
    const gone = this.#commit()
    if (gone === undefined) return
    const { fs, preserve } = this.session.context
    if (this.record.durable) {
      try {
        await syncDirectory(fs, this.session.path)
      } catch (error) {
        throw ioError(error, 'sync the completion of the handoff', gone)
      }
    }
    if (preserve) return
    const report = await removeTree(fs, gone)
    if (report.errors.length > 0) log.handoff('completed, but not all deleted yet: %o', report.errors)
  }

  completeSync(): void {
    const gone = this.#commit()
    if (gone === undefined) return
    const { fs, preserve } = this.session.context
    if (this.record.durable) {
      try {
        syncDirectorySync(fs, this.session.path)
      } catch (error) {
        throw ioError(error, 'sync the completion of the handoff', gone)
      }
    }
    if (!preserve) removeTreeSync(fs, gone)
  }

  /** Gives it back for another attempt. @throws ERR_TEMP_SESSION_LOST, ERR_TEMP_IO */
  release(): void {
    const { context } = this.session
    const reason = reasonText(this.reason)
    const attempt = (): boolean => giveBack(context, this.directory, this.record.ticket, reason)
    try {
      // Not there: the session may have a tombstone's name, from where confirm() takes it back.
      if (!attempt() && this.session.confirm()) attempt()
      this.#end()
    } catch (error) {
      throw ioError(error, 'give the handoff back', this.directory)
    }
  }

  #commit(): string | undefined {
    if (this.#gone !== undefined) return this.#gone
    const { session, directory, record } = this
    const { fs } = session.context
    const gone = inside(session.path, goneName(record.ticket))
    let done: boolean
    try {
      done = renameIfThere(fs, directory, gone)
      if (!done) {
        // The session has a tombstone's name (then once more), or it was removed: then the claim went back.
        if (!session.confirm()) throw session.lostError()
        done = renameIfThere(fs, directory, gone)
      }
    } catch (error) {
      throw ioError(error, 'complete the handoff', directory)
    }
    this.#end()
    if (!done) return undefined
    log.handoff('completed %s', record.ticket)
    this.#gone = gone
    return gone
  }

  get #isHeld(): boolean {
    return this.session.claimed.get(this.record.ticket) === this.#controller
  }

  #end(): void {
    clearInterval(this.#watch)
    if (this.#isHeld) this.session.claimed.delete(this.record.ticket)
  }

  /** A session that was lost has aborted the signal itself. */
  #isGone(): boolean {
    const { fs } = this.session.context
    return !existsAt(fs, this.directory) && this.session.confirm() && !existsAt(fs, this.directory)
  }

  // Called from a timer: must not throw.
  #look(): void {
    try {
      if (!this.#isHeld || this.#controller.signal.aborted) clearInterval(this.#watch)
      else if (this.#isGone()) this.#controller.abort(lostError(this.directory))
    } catch (error) {
      log.handoff('could not look after the claim: %s', String(error))
    }
  }
}

function lostError(path: string): TempFileError {
  return new TempFileError(
    'ERR_TEMP_HANDOFF_GONE',
    'The claim was lost: its directory is gone from the session. Stop working on it, another process may have it.',
    { path },
  )
}
