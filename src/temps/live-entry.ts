// A temporary file or directory while it exists: its name, its state, its open streams, its share of the quota. Its end
// is in entry.ts.
// Guarantee: the path is absolute from creation; the entry ends once. A handle is a session, a number and a shared pair
// of affixes, and no list of handles is kept, so a million of them cost no more each than one.
// Users see it by the interfaces of types.ts alone; what is public here beyond them is for the other modules of this room.

import { inspect } from 'node:util'
import type { Context } from '../context.ts'
import { isMissing } from '../disk/paths.ts'
import { TempFileError } from '../errors.ts'
import { inside } from '../layout.ts'
import { channels, endWatch, log, watchForLoss } from '../runtime/observe.ts'
import type { Session } from '../session/session.ts'
import type { Holding } from './holding.ts'
import { type Affixes, nameOf } from './naming.ts'
import { type OpenResource, Resources } from './resources.ts'

/** Members that few entries have, in an object of its own so that a plain entry stays small. */
interface Extras {
  readonly holding: Holding | undefined
  resources: Resources | undefined
  bytes: number
}

const extras = (holding?: Holding): Extras => ({ holding, resources: undefined, bytes: 0 })

const LIVE = 0
const KEPT = 1 // live, but the end of its scope no longer removes it
const ENDED = 2

export abstract class LiveEntry {
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
    this.#extras = holding === undefined ? undefined : extras(holding)
    if (log.file.enabled) {
      log.file('made %s', this.path)
      watchForLoss(this, this.path, session)
    }
  }

  /** Reports a new entry to observers; call it when the entry is complete, because they examine it. */
  announce(): this {
    if (channels.create.hasSubscribers) channels.create.publish({ entry: this })
    return this
  }

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

  /** Whether a failed scope may keep it: a claim is given back instead. */
  get keepable(): boolean {
    return !this.disposed && this.#extras?.holding?.leave === undefined
  }

  /** The text that a log and `console.log` show. */
  [inspect.custom](): string {
    return `${this.kind === 'file' ? 'TempFile' : 'TempDir'} { path: ${inspect(this.path)}, disposed: ${this.disposed} }`
  }

  toJSON(): { kind: string; name: string; disposed: boolean } {
    return { kind: this.kind, name: this.name, disposed: this.disposed }
  }

  get session(): Session {
    return this.#session
  }

  get context(): Context {
    return this.#session.context
  }

  /** How it is held, if it is not simply an entry of its session. */
  get holding(): Holding | undefined {
    return this.#extras?.holding
  }

  /** Whether the end of its scope ends it. */
  get endsWithScope(): boolean {
    return this.#state === LIVE && !this.#session.ended
  }

  /** Whether one unlink or rmdir disposes it: nothing is open on it, and nothing else is to be done. */
  get plain(): boolean {
    return this.#extras === undefined && this.endsWithScope && !this.context.preserve
  }

  /** @throws ERR_TEMP_REMOVED after its end, and after removeAll(); ERR_TEMP_CLOSED after its manager was closed */
  requireLive(doing: string): void {
    const noun = this.kind === 'file' ? 'file' : 'directory'
    if (this.#session.ended && !this.#session.managerGoesOn) {
      throw new TempFileError(
        'ERR_TEMP_CLOSED',
        `Cannot ${doing} it: the manager of this temporary ${noun} is closed. Close a manager after the last use of its files.`,
      )
    }
    if (this.disposed) {
      throw new TempFileError(
        'ERR_TEMP_REMOVED',
        `Cannot ${doing} it: this temporary ${noun} was removed, persisted, handed off or released before. Use it before that, or create a new one.`,
      )
    }
  }

  /** @throws as {@link requireLive}; ERR_TEMP_IO while something may still write */
  requireMovable(doing: string): void {
    this.requireLive(doing)
    this.#extras?.resources?.refuseWriters(doing)
  }

  /** Registers an open stream or handle, which is closed before the entry ends; call the result when it has closed. */
  track(resource: OpenResource): () => void {
    this.#extras ??= extras()
    this.#extras.resources ??= new Resources(this.#session)
    return this.#extras.resources.add(resource)
  }

  /** Waits for the streams that are being opened: they go on after the entry has moved. */
  async opened(): Promise<void> {
    await this.#extras?.resources?.opened()
  }

  /** Closes the streams that are being opened, for a move that cannot wait: their path is about to be free. */
  closeOpening(): void {
    this.#extras?.resources?.closeOpening()
  }

  /** Closes what is open on it. */
  async closeResources(): Promise<void> {
    await this.#extras?.resources?.close()
  }

  /** Sets what this entry uses of limits.totalBytes; given back when the entry ends. */
  charge(bytes: number): void {
    if (bytes === 0 && this.#extras === undefined) return
    this.#extras ??= extras()
    this.#extras.bytes = bytes
  }

  get charged(): number {
    return this.#extras?.bytes ?? 0
  }

  /** After an ENOENT: whether the entry exists after all. Its session may have had a tombstone's name, from where confirm() takes it back. */
  isBack(): boolean {
    return this.#session.confirm() && !isMissing(this.context.fs, this.path)
  }

  /** Marks the entry as ended. Idempotent. */
  settle(how: 'removed' | 'released' | 'moved'): void {
    if (this.#state === ENDED) return
    this.#state = ENDED
    const { quota } = this.#session
    quota.dropEntry()
    if (this.#extras !== undefined && this.#extras.bytes > 0) quota.giveBack(this.#extras.bytes)
    if (how === 'removed') this.context.counters.removed++
    if (channels.remove.hasSubscribers) channels.remove.publish({ entry: this, how })
    if (log.file.enabled) {
      log.file('%s %s', how, this.path)
      endWatch(this)
    }
  }
}
