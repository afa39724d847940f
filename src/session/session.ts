// A manager's private directory while it is used. Guarantee: it proves that its owner lives until it is condemned. It is
// taken back from a sweeper that wrongly suspected it, and counts as lost only when repeated looks do not find it.

import type { ChildProcess } from 'node:child_process'
import type { Context } from '../context.ts'
import { namesIn } from '../disk/paths.ts'
import { errnoOf, ioError, messageOf, TempFileError } from '../errors.ts'
import { CLAIMS, inside, liveName, OWNER, parseSessionsEntry } from '../layout.ts'
import { deleteOwnSession } from '../liveness/own-sessions.ts'
import { platform } from '../platform/index.ts'
import { Quota } from '../quota.ts'
import { whenLoopTurns } from '../runtime/loop-turn.ts'
import { log, lookForDebug } from '../runtime/observe.ts'
import { identityOf, type Made, make } from './create-session.ts'
import { keepYoung } from './keep-young.ts'
import { Proof } from './proof.ts'
import { openRoot, reopenRoot } from './root.ts'

/**
 * A session is given up only after so many looks. Three lost one beside ten thousand renames on a busy machine; a
 * real loss, which happens once, costs 20 listings of sessions/.
 */
const LOOKS = 20

/** A stream or a file handle that must be closed before the session's files are removed. */
export interface Resource {
  /** Starts closing; the promise resolves when its descriptor is closed, and never rejects. */
  close(): Promise<void>
}

/** A creation failed because the session's directory does not exist. Never leaves the library. */
export class Vanished extends Error {
  constructor(cause: unknown) {
    super('the session is gone', { cause })
  }
}

/** The error for a creation inside a session that failed. */
export function creationError(error: unknown, path: string): Error {
  return errnoOf(error) === 'ENOENT'
    ? new Vanished(error)
    : ioError(error, 'make a temporary file or directory', path)
}

/** An entry whose scope has ended. */
export interface Leaving {
  /** Removes it, or gives it back; rejects when that fails. */
  leave(): Promise<void>
}

/** An entry that is removed at close and at exit. */
export interface Removable {
  readonly path: string
  remove(): Promise<void>
  removeSync(): void
}

export class Session {
  readonly context: Context
  readonly id: string
  /** The session's part of its files' names. */
  readonly random: string
  readonly path: string
  readonly claims: string
  /** Whether the umask strips owner bits, so that each entry needs a chmod. Read once. */
  readonly mendsModes: boolean
  /** Numbers the files and directories, which makes their names unique without a random number each. */
  sequence = 0
  /** Its manager has ended it: its files are removed or being removed. */
  ended = false
  /** removeAll() ends it, so its manager is not closed. */
  managerGoesOn = false
  /** Its path from its condemnation until all of it is deleted. */
  gone: string | undefined
  /** Entries adopted in place, removed at close and exit. */
  readonly inPlace = new Set<Removable>()
  /** Names of the short paths that directories have. */
  readonly shortPaths = new Map<unknown, string>()
  /** Entries whose removal failed: a claim that cannot be given back while the disk is full, a file on a read-only disk. */
  readonly postponed = new Set<Leaving>()
  /** Counts what its entries use of the manager's limits; a lost session's counts are dropped with it. */
  readonly quota: Quota
  /** The handoffs that this session has claimed: the ticket, and the controller of the claim's signal. */
  readonly claimed = new Map<string, AbortController>()
  /** The error with which all claims end; set, it refuses new ones. */
  #claimsEnd: (() => TempFileError) | undefined
  /** Running operations of its entries: publishing, persisting, completing. The end of the session waits for them. */
  readonly working = new Set<Promise<unknown>>()
  /** Children that have inherited a lease. */
  readonly children = new Set<ChildProcess>()
  /** Open streams and handles of all its entries. */
  readonly resources = new Set<Resource>()
  /** From the loop's first turn on. */
  #proof: Proof | undefined
  readonly #cancelProving: (() => void) | undefined
  readonly #identity: string
  #lost = false

  private constructor(context: Context, made: Made) {
    this.context = context
    this.id = made.id
    this.random = made.random
    this.path = inside(context.layout.sessions, liveName(made.id))
    this.claims = inside(this.path, CLAIMS)
    this.mendsModes = made.mendsModes
    this.quota = new Quota(context.limits, context.fs)
    this.#identity = made.identity
    this.#cancelProving = context.native ? whenLoopTurns(() => this.prove()) : undefined
  }

  /** Creates a session. @throws ERR_TEMP_UNSAFE_ROOT, ERR_TEMP_NO_SPACE, ERR_TEMP_IO */
  static open(context: Context): Session {
    lookForDebug()
    for (let attempt = 1; ; attempt++) {
      openRoot(context)
      try {
        return new Session(context, make(context))
      } catch (error) {
        // An age cleaner removed our .new-: start again.
        if (errnoOf(error) !== 'ENOENT' || attempt === 3) {
          throw ioError(error, 'create a session for temporary files', context.layout.sessions)
        }
      }
    }
  }

  /** Runs an entry's operation, which the end of the session waits for. */
  async during<T>(work: Promise<T>): Promise<T> {
    this.working.add(work)
    try {
      return await work
    } finally {
      this.working.delete(work)
    }
  }

  /** Retries the entries that could not be removed or given back. Those that fail again stay for the next call. */
  async settlePostponed(): Promise<void> {
    const again = async (entry: Leaving): Promise<void> => {
      try {
        await entry.leave() // which takes it off the list
      } catch (error) {
        log.session('could still not be removed or given back: %s', messageOf(error))
      }
    }
    await Promise.all([...this.postponed].map(again))
  }

  get lost(): boolean {
    return this.#lost
  }

  /**
   * Checks that the directory still belongs to this session. If a sweeper that wrongly suspected it left it under a
   * tombstone's name, renames it back. Returns false when it no longer exists. Never throws.
   */
  confirm(): boolean {
    if (this.#lost) return false
    try {
      // Sweepers may rename it and back meanwhile: it is lost only when so many looks in a row did not find it.
      for (let look = 0; look < LOOKS; look++) {
        if (identityOf(this.context, this.path) === this.#identity || this.#takeBack()) return true
      }
    } catch (error) {
      // The disk could not be asked, so nothing is known: the next operation reports the disk's error.
      log.session('could not look for the session: %s', errnoOf(error))
      return true
    }
    this.#lost = true
    this.release()
    this.abortClaims(() => this.lostError())
    return false
  }

  /** Renames the directory back from a tombstone's name; false when there is none. */
  #takeBack(): boolean {
    const { fs, layout } = this.context
    try {
      for (const name of namesIn(fs, layout.sessions)) {
        const entry = parseSessionsEntry(name)
        if (entry?.kind !== 'dead' || entry.id !== this.id) continue
        const tombstone = inside(layout.sessions, name)
        if (identityOf(this.context, tombstone) !== this.#identity) continue
        fs.renameSync(tombstone, this.path)
        log.session('took the session back from %s', name)
        return true
      }
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error // the sweeper was faster, or the whole root was removed
    }
    return false
  }

  /** Aborts the signals of all claims: they are lost, or the manager closes. */
  abortClaims(reason: () => TempFileError): void {
    this.#claimsEnd ??= reason
    for (const controller of this.claimed.values()) controller.abort(reason())
  }

  /** Refuses a claim, or work on an upload, in a session that ends: it would be given back at once. @throws the error that its claims were aborted with */
  requireClaims(): void {
    if (this.#claimsEnd !== undefined) throw this.#claimsEnd()
  }

  /** The error that a lost session is reported with. */
  lostError(): TempFileError {
    return new TempFileError(
      'ERR_TEMP_SESSION_LOST',
      'The directory of this manager was removed by another program while in use, with the files in it. A new one is created; exclude the root from age cleaners such as systemd-tmpfiles.',
      { path: this.path },
    )
  }

  /** Binds the leases and completes the record, once. Runs when the event loop first turns. Never throws. */
  prove(): void {
    if (this.ended || this.#lost) return
    try {
      this.#proof ??= new Proof(this.context, { directory: this.path, id: this.id })
      this.#proof.prove()
    } catch (error) {
      log.session('the leases could not be bound yet: %s', messageOf(error)) // CommonJS could not load their code
    }
  }

  /** Its directory holds its record and files alone: the event loop has not turned, and nothing refers to it from outside. */
  get isBare(): boolean {
    return this.#proof === undefined && this.shortPaths.size === 0 && this.claimed.size === 0
  }

  /** The descriptor of a lease, for a child to inherit; undefined where there is none. */
  leaseDescriptor(): number | undefined {
    if (this.context.native) this.prove()
    return this.#proof?.descriptor()
  }

  /** Whether a child that holds a lease is alive, as far as this process knows. */
  get isHeld(): boolean {
    return [...this.children].some((child) => child.exitCode === null && child.signalCode === null)
  }

  /** Keeps the session's proof and age fresh: binds the leases that are missing, touches what cleaners age. */
  async refresh(): Promise<void> {
    if (!this.confirm()) return
    const { fs, native, layout } = this.context
    // A sweep's first refresh may come before the loop's turn is detected.
    if (native && this.#proof?.proved !== true) this.prove()
    else if (native) await this.#proof?.renew(() => !this.ended && this.confirm())
    this.#reopen()
    const now = Date.now() / 1000
    const touched = [this.path, this.claims, inside(this.path, OWNER), ...(this.#proof?.leasePaths ?? [])]
    for (const path of [...touched, layout.root, layout.sessions, layout.handoffs]) {
      try {
        fs.utimesSync(path, now, now)
      } catch (error) {
        if (errnoOf(error) !== 'ENOENT') log.session('could not touch: %s', errnoOf(error))
      }
    }
    const { reapsAfterMs } = platform()
    if (reapsAfterMs === undefined || !native) return
    for (const path of [this.path, layout.handoffs]) await keepYoung(fs, path, reapsAfterMs / 3)
  }

  /** A cleaner may have removed the empty directories of the root. */
  #reopen(): void {
    try {
      reopenRoot(this.context, this.claims)
    } catch (error) {
      log.session('the root could not be opened again: %s', errnoOf(error) ?? error)
    }
  }

  /** Stops proving life. Called after the session has been condemned. */
  release(): void {
    this.#cancelProving?.()
    this.#proof?.release()
    deleteOwnSession(this.id)
  }
}
