// A claim that this process holds: what can be done with it, each once. Guarantee: until complete() has renamed it
// away it goes back by itself, however this process ends; after that it never comes back. Of several endings that meet,
// the first rename counts: complete() succeeds only for a handoff that will not come back, and release() for no other.

import { giveBack, type Returned } from '../claimable/give-back.ts'
import type { HandoffRecord } from '../claimable/handoff-record.ts'
import { reasonText } from '../claimable/last-error.ts'
import { existsAt, renameIfThere } from '../disk/paths.ts'
import { removeTree, removeTreeSync } from '../disk/remove/remove.ts'
import { syncDirectory, syncDirectorySync } from '../disk/sync.ts'
import { errnoOf, ioError, TempFileError } from '../errors.ts'
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
  /** The reason for giving it back, once that is known. */
  reason: unknown
  readonly #controller: AbortController
  #watch: NodeJS.Timeout | undefined
  #way: 'completed' | 'released' | undefined
  /** Another process has it, or may have it. */
  #lost = false
  /** Its path once it is completed, until all of it is synced and deleted. */
  readonly #gone: string
  #isDeleted = false

  constructor(session: Session, directory: string, record: HandoffRecord, attempt: number) {
    this.session = session
    this.directory = directory
    this.record = record
    this.attempt = attempt
    this.#controller = new AbortController()
    this.#gone = inside(session.path, goneName(record.ticket))
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

  /** How this process ended it; undefined while it is held, after its loss, and when the end of its session gave it back. */
  get way(): 'completed' | 'released' | undefined {
    return this.#way
  }

  /**
   * Deletes the handoff for good; the rename is the commit. Idempotent; repeats what failed after the commit.
   * @throws ERR_TEMP_REMOVED, ERR_TEMP_CLOSED, ERR_TEMP_HANDOFF_GONE, ERR_TEMP_SESSION_LOST, ERR_TEMP_IO
   */
  async complete(): Promise<void> {
    this.#commit()
    if (this.#isDeleted) return
    const { fs, preserve } = this.session.context
    if (this.record.durable) {
      try {
        await this.#sync()
      } catch (error) {
        throw ioError(error, 'sync the completion of the handoff', this.#gone)
      }
    }
    if (!preserve) {
      const report = await removeTree(fs, this.#gone)
      if (report.errors.length > 0) log.handoff('completed, but not all deleted yet: %o', report.errors)
    }
    this.#isDeleted = true
  }

  completeSync(): void {
    this.#commit()
    if (this.#isDeleted) return
    const { fs, preserve } = this.session.context
    if (this.record.durable) {
      try {
        syncDirectorySync(fs, this.session.path)
      } catch (error) {
        throw ioError(error, 'sync the completion of the handoff', this.#gone)
      }
    }
    if (!preserve) removeTreeSync(fs, this.#gone)
    this.#isDeleted = true
  }

  /**
   * Gives it back for another attempt. One that was lost, or that the end of its session gave back, is not held any more:
   * nothing to do. Idempotent, and nothing after complete(); see `way`. @throws ERR_TEMP_IO
   */
  release(): void {
    if (this.#way !== undefined || this.#lost) return
    try {
      const isSpent = this.#giveBack() === 'spent'
      this.#isDeleted = isSpent
      this.#end(isSpent ? 'completed' : 'released')
    } catch (error) {
      throw ioError(error, 'give the handoff back', this.directory)
    }
  }

  /**
   * Refuses the completion of a claim that was given back: another claimant may have the handoff.
   * @throws ERR_TEMP_REMOVED, ERR_TEMP_CLOSED, ERR_TEMP_HANDOFF_GONE
   */
  requireNotReturned(): void {
    if (this.#way === 'completed') return
    if (this.#way === 'released') throw returnedError('this claim was released before')
    if (this.#lost) throw lostError(this.directory)
    if (!this.session.ended) return
    if (this.session.managerGoesOn) throw returnedError('removeAll() gave it back')
    throw new TempFileError(
      'ERR_TEMP_CLOSED',
      'Cannot complete the handoff: its manager was closed, which gave it back. Complete claims before close().',
    )
  }

  #commit(): void {
    if (this.#way === 'completed') return
    this.requireNotReturned()
    const { session, directory, record } = this
    try {
      // Not there: the session has a tombstone's name (then once more), or it was removed: then the claim went back.
      if (!this.#moveAway()) {
        if (!session.confirm()) throw session.lostError()
        if (!this.#moveAway()) throw this.#lose()
      }
    } catch (error) {
      throw ioError(error, 'complete the handoff', directory)
    }
    this.#end('completed')
    log.handoff('completed %s', record.ticket)
  }

  /** A retransmitted rename (NFS) fails with ENOENT although the first one won. */
  #moveAway(): boolean {
    const { fs } = this.session.context
    return renameIfThere(fs, this.directory, this.#gone) || existsAt(fs, this.#gone)
  }

  #giveBack(): Returned {
    const { session, directory, record } = this
    const reason = reasonText(this.reason)
    const returned = giveBack(session.context, directory, record.ticket, reason)
    // Not there: the session may have a tombstone's name, from where confirm() takes it back.
    if (returned !== 'missing' || session.ended || !session.confirm()) return returned
    return giveBack(session.context, directory, record.ticket, reason)
  }

  /** closeSync() may have renamed the session with the completed handoff in it: then sessions/ has the change to sync. */
  async #sync(): Promise<void> {
    const { context, path } = this.session
    try {
      await syncDirectory(context.fs, path)
    } catch (error) {
      if (!this.session.ended || errnoOf(error) !== 'ENOENT') throw error
      await syncDirectory(context.fs, context.layout.sessions)
    }
  }

  get #isHeld(): boolean {
    return this.session.claimed.get(this.record.ticket) === this.#controller
  }

  #end(way?: 'completed' | 'released'): void {
    this.#way = way
    clearInterval(this.#watch)
    if (this.#isHeld) this.session.claimed.delete(this.record.ticket)
  }

  #lose(): TempFileError {
    const error = lostError(this.directory)
    this.#lost = true
    this.#end()
    this.#controller.abort(error)
    return error
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
      else if (this.#isGone()) this.#lose()
    } catch (error) {
      log.handoff('could not look after the claim: %s', String(error))
    }
  }
}

function returnedError(how: string): TempFileError {
  return new TempFileError('ERR_TEMP_REMOVED', `Cannot complete the handoff: ${how}. Claim it again.`)
}

function lostError(path: string): TempFileError {
  return new TempFileError(
    'ERR_TEMP_HANDOFF_GONE',
    'The claim was lost: its directory is gone from the session. Stop working on it, another process may have it.',
    { path },
  )
}
