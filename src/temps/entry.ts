// One temporary file or directory, as its user holds it. Guarantee: its path is absolute from creation;
// removing it twice, at once, or after it went is fine; a removal that fails is reported and can be tried
// again; nothing of it stays open. A live handle is a session, a number and a shared pair of affixes: no
// list of handles is kept, so a million of them cost no more a piece than one.

import { inspect } from 'node:util'
import type { Context } from '../context.ts'
import { ignoreMissing } from '../disk/paths.ts'
import { retry, retrySync } from '../disk/remove/retry-removal.ts'
import { errnoOf, isTempFileError, TempFileError } from '../errors.ts'
import { inside } from '../layout.ts'
import { operations } from '../on-demand.ts'
import { asyncDispose, dispose } from '../runtime/dispose.ts'
import {
  channels,
  cleanupError,
  endWatch,
  log,
  reportCleanupError,
  watchForLoss,
} from '../runtime/observe.ts'
import type { Session } from '../session/session.ts'
import type { HandOffOptions, PersistOptions, TempEntry } from '../types.ts'
import type { Holding } from './holding.ts'
import { type Affixes, nameOf } from './naming.ts'
import { type Persistable, persist, persistSync } from './persist.ts'
import { type OpenResource, Resources } from './resources.ts'

/** What few entries have; kept aside so that a plain one stays small. */
interface Extras {
  holding: Holding | undefined
  resources: Resources | undefined
  bytes: number
}

const LIVE = 0
const KEPT = 1 // live, but the end of its scope no longer removes it
const ENDED = 2

export abstract class Entry implements TempEntry {
  abstract readonly kind: 'file' | 'dir'
  readonly #session: Session
  readonly #sequence: number
  readonly #affixes: Affixes
  #state = LIVE
  #extras: Extras | undefined

  constructor(session: Session, sequence: number, affixes: Affixes, holding?: Holding) {
    this.#session = session
    this.#sequence = sequence
    this.#affixes = affixes
    this.#extras = holding === undefined ? undefined : { holding, resources: undefined, bytes: 0 }
    if (log.file.enabled) {
      log.file('made %s', this.path)
      watchForLoss(this, this.path, session)
    }
  }

  /** Tells observers of a new entry: once it is whole, for they look at it. */
  announce(): this {
    if (channels.create.hasSubscribers) channels.create.publish({ entry: this })
    return this
  }

  /** Removes what stands at `path`; throws the system's error. ENOENT is fine to throw. */
  protected abstract removeAt(path: string): Promise<void>
  protected abstract removeAtSync(path: string): void

  get path(): string {
    return this.#extras?.holding?.path ?? inside(this.#session.path, this.name)
  }

  get name(): string {
    return this.#extras?.holding?.name ?? nameOf(this.#session, this.#sequence, this.#affixes)
  }

  get disposed(): boolean {
    return this.#state === ENDED || this.#session.ended
  }

  keepUntilClose(): this {
    this.requireLive('keep')
    this.#state = KEPT
    endWatch(this)
    return this
  }

  async remove(): Promise<void> {
    if (this.disposed) return
    try {
      await this.#closeResources()
      if (!this.#spared) await retry(() => this.#discard())
    } catch (error) {
      throw isTempFileError(error) ? error : cleanupError(error, this.path)
    }
    this.settle('removed')
  }

  removeSync(): void {
    if (this.disposed) return
    try {
      void this.#closeResources()
      if (!this.#spared) retrySync(() => this.#discardSync())
    } catch (error) {
      throw isTempFileError(error) ? error : cleanupError(error, this.path)
    }
    this.settle('removed')
  }

  [dispose](): void {
    if (this.#state !== LIVE || this.#session.ended) return
    if (this.#extras === undefined && !this.context.preserve) {
      try {
        this.removeAtSync(inside(this.#session.path, this.name))
        this.settle('removed')
        return
      } catch {
        // Look closer: gone already, or worth another attempt.
      }
    }
    const holding = this.#extras?.holding
    try {
      if (holding?.leaveSync === undefined) {
        this.removeSync()
        return
      }
      void this.#closeResources()
      holding.leaveSync()
      this.settle('released')
    } catch (error) {
      this.#postpone(error)
    }
  }

  async [asyncDispose](): Promise<void> {
    try {
      await this.leave()
    } catch (error) {
      this.#postpone(error)
    }
  }

  /** What the end of its scope does: removes it, or gives a claim back. */
  async leave(): Promise<void> {
    if (this.#state !== LIVE || this.#session.ended) return
    const holding = this.#extras?.holding
    if (holding?.leave === undefined) return await this.remove()
    await this.#closeResources()
    await holding.leave()
    this.settle('released')
  }

  /** Gives a claim back; for any other entry the same as remove(). */
  async giveBack(): Promise<void> {
    this.requireLive('release')
    await this.#closeResources()
    await this.#extras?.holding?.leave?.()
    this.settle('released')
  }

  persist(destination: string, options: PersistOptions = {}): Promise<string> {
    return this.#session.during(this.#persist(destination, options))
  }

  handOff(options: HandOffOptions = {}): Promise<string> {
    return this.#session.during(this.#handOff(options))
  }

  async #persist(destination: string, options: PersistOptions): Promise<string> {
    this.requireLive('persist')
    this.#extras?.resources?.refuseWriters('persist')
    const target = await persist(this.#persistable(), destination, options)
    this.context.counters.persisted++
    await this.#vacate()
    return target
  }

  persistSync(destination: string, options: PersistOptions = {}): string {
    this.requireLive('persist')
    this.#extras?.resources?.refuseWriters('persist')
    const holding = this.#extras?.holding
    if (holding !== undefined && (holding.leaveSync !== undefined || holding.foreign === true)) {
      throw new TempFileError(
        'ERR_TEMP_IO',
        'persistSync cannot move a claim or what was adopted in place. Use persist().',
      )
    }
    const target = persistSync(this.#persistable(), destination, options)
    this.context.counters.persisted++
    this.settle('moved')
    try {
      holding?.vacateSync?.()
    } catch (error) {
      this.#reportError(error) // the data is where it was asked to be; only an empty directory stays in the session
    }
    return target
  }

  #persistable(): Persistable {
    const holding = this.#extras?.holding
    return {
      session: this.#session,
      path: this.path,
      foreign: holding?.foreign === true,
      retire: holding?.leave === undefined ? undefined : () => holding.vacate(),
    }
  }

  async #handOff(options: HandOffOptions): Promise<string> {
    this.requireLive('hand off')
    this.#extras?.resources?.refuseWriters('hand off')
    const { publish } = await operations()
    this.requireLive('hand off')
    this.#extras?.resources?.refuseWriters('hand off')
    const ticket = await publish(
      this.#session,
      // Not the entry itself: a claim has a ticket too, which is not the new one.
      { kind: this.kind, path: this.path, name: this.name, foreign: this.#extras?.holding?.foreign },
      this.#extras?.holding?.workshop ?? this.#session.path,
      options,
    )
    this.context.counters.handedOff++
    await this.#vacate()
    return ticket
  }

  /** Whether a failed scope may keep it: a claim goes back instead. */
  get keepable(): boolean {
    return !this.disposed && this.#extras?.holding?.leave === undefined
  }

  /** Moves it out of the session for good; what is open on it is closed. Throws the system's error. */
  async moveTo(path: string): Promise<void> {
    await this.#closeResources()
    this.context.fs.renameSync(this.path, path)
    await this.#vacate()
  }

  /** What a log and `console.log` show. */
  [inspect.custom](): string {
    return `${this.kind === 'file' ? 'TempFile' : 'TempDir'} { path: ${inspect(this.path)}, disposed: ${this.disposed} }`
  }

  toJSON(): { kind: string; name: string; disposed: boolean } {
    return { kind: this.kind, name: this.name, disposed: this.disposed }
  }

  protected get session(): Session {
    return this.#session
  }

  protected get context(): Context {
    return this.#session.context
  }

  /** Whether the quick way of disposal will do. */
  protected get plain(): boolean {
    return (
      this.#extras === undefined && this.#state === LIVE && !this.#session.ended && !this.context.preserve
    )
  }

  /** @throws ERR_TEMP_REMOVED when it has gone; ERR_TEMP_CLOSED when its manager has been closed */
  protected requireLive(doing: string): void {
    if (this.#session.ended) {
      throw new TempFileError(
        'ERR_TEMP_CLOSED',
        `Cannot ${doing} it: the manager of this temporary ${this.#noun} is closed.`,
      )
    }
    if (this.#state === ENDED) {
      throw new TempFileError(
        'ERR_TEMP_REMOVED',
        `Cannot ${doing} it: this temporary ${this.#noun} was removed, persisted or handed off before.`,
      )
    }
  }

  /** Registers an open stream or handle, to be closed before the entry goes; call the result when it has closed. */
  protected track(resource: OpenResource): () => void {
    const extras = this.#more()
    extras.resources ??= new Resources(this.#session)
    return extras.resources.add(resource)
  }

  /** Sets what this entry has used of limits.totalBytes; given back when it goes. */
  protected charge(bytes: number): void {
    if (bytes > 0 || this.#extras !== undefined) this.#more().bytes = bytes
  }

  protected get charged(): number {
    return this.#extras?.bytes ?? 0
  }

  /** Marks the entry as ended. Idempotent. */
  protected settle(how: 'removed' | 'released' | 'moved'): void {
    if (this.#state === ENDED) return
    this.#state = ENDED
    const { quota } = this.#session
    const { counters } = this.context
    quota.dropEntry()
    if (this.#session.postponed.size > 0) this.#session.postponed.delete(this)
    if (this.#extras !== undefined && this.#extras.bytes > 0) quota.giveBack(this.#extras.bytes)
    if (how === 'removed') counters.removed++
    if (channels.remove.hasSubscribers) channels.remove.publish({ entry: this, how })
    if (log.file.enabled) {
      log.file('%s %s', how, this.path)
      endWatch(this)
    }
  }

  /** `preserve` removes nothing; a claim must be completed all the same, or it would come back. */
  get #spared(): boolean {
    return this.context.preserve && this.#extras?.holding?.leave === undefined
  }

  get #noun(): string {
    return this.kind === 'file' ? 'file' : 'directory'
  }

  #more(): Extras {
    this.#extras ??= { holding: undefined, resources: undefined, bytes: 0 }
    return this.#extras
  }

  async #discard(): Promise<void> {
    const holding = this.#extras?.holding
    if (holding !== undefined) return this.#session.during(holding.discard())
    await ignoreMissing(() => this.removeAt(this.path))
  }

  #discardSync(): void {
    const holding = this.#extras?.holding
    try {
      if (holding === undefined) this.removeAtSync(this.path)
      else holding.discardSync()
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
    }
  }

  async #vacate(): Promise<void> {
    const holding = this.#extras?.holding
    this.settle('moved')
    try {
      await holding?.vacate()
    } catch (error) {
      this.#reportError(error) // the data is where it was asked to be; only an empty husk stays in the session
    }
  }

  async #closeResources(): Promise<void> {
    await this.#extras?.resources?.close()
  }

  /** Reported once; tried again by each sweep of this manager, for nobody holds it any more. */
  #postpone(error: unknown): void {
    this.#session.postponed.add(this)
    this.#reportError(error)
  }

  #reportError(error: unknown): void {
    this.context.counters.cleanupErrors++
    const typed = error instanceof TempFileError ? error : cleanupError(error, this.path)
    reportCleanupError(this.context.onCleanupError, typed)
  }
}
