// Ends a temporary file or directory: removes, releases, persists it or hands it off.
// Guarantee: removing it twice, concurrently, or after another process removed it succeeds; a removal that fails is
// reported and can be tried again; what was open on it is closed.

import { moveIn } from '../disk/move/move-in.ts'
import { ignoreMissing, isMissing } from '../disk/paths.ts'
import { retry, retrySync } from '../disk/remove/retry-removal.ts'
import { errnoOf, ioError, isTempFileError, TempFileError } from '../errors.ts'
import { inside } from '../layout.ts'
import { operations } from '../on-demand.ts'
import { reportLeft } from '../removal/report-left.ts'
import { asyncDispose, dispose } from '../runtime/dispose.ts'
import { cleanupError, reportCleanupError } from '../runtime/observe.ts'
import { journalOf } from '../session/outside.ts'
import type { HandOffOptions, PersistOptions, TempEntry } from '../types.ts'
import { LiveEntry } from './live-entry.ts'
import { type Persistable, persist, persistError, persistSync, targetOf } from './persist.ts'

export abstract class Entry extends LiveEntry implements TempEntry {
  /** Removes what is at `path`. Throws the system's error, ENOENT too. */
  protected abstract removeAt(path: string): Promise<void>
  protected abstract removeAtSync(path: string): void

  async remove(): Promise<void> {
    if (this.disposed) return
    try {
      await this.closeResources()
      if (!this.#spared) await retry(() => this.#discard())
    } catch (error) {
      throw isTempFileError(error) ? error : cleanupError(error, this.path)
    }
    this.settle('removed')
  }

  removeSync(): void {
    if (this.disposed) return
    try {
      void this.closeResources()
      if (!this.#spared) retrySync(() => this.#discardSync())
    } catch (error) {
      throw isTempFileError(error) ? error : cleanupError(error, this.path)
    }
    this.settle('removed')
  }

  [dispose](): void {
    if (!this.endsWithScope) return
    if (this.plain) {
      try {
        this.removeAtSync(inside(this.session.path, this.name))
        this.settle('removed')
        return
      } catch {
        // removeSync finds out whether another process removed it or another attempt is worthwhile.
      }
    }
    const { holding } = this
    try {
      if (holding?.leaveSync === undefined) {
        this.removeSync()
        return
      }
      void this.closeResources()
      holding.leaveSync()
      this.#settleLeft()
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

  /** Ends it as its scope does: removes it, or gives a claim back. */
  async leave(): Promise<void> {
    if (!this.endsWithScope) return
    const { holding } = this
    if (holding?.leave === undefined) return await this.remove()
    await this.closeResources()
    await holding.leave()
    this.#settleLeft()
  }

  /** Gives a claim back; does nothing on the disk for any other entry. @throws ERR_TEMP_REMOVED when it is completed */
  async giveBack(): Promise<void> {
    this.requireLive('release')
    await this.closeResources()
    await this.holding?.leave?.()
    this.#settleLeft()
    if (this.holding?.completed === true) this.requireLive('release')
  }

  /** Another ending of a claim may have been first. */
  #settleLeft(): void {
    this.settle(this.holding?.completed === true ? 'removed' : 'released')
  }

  persist(destination: string, options: PersistOptions = {}): Promise<string> {
    return this.session.during(this.#persist(destination, options))
  }

  handOff(options: HandOffOptions = {}): Promise<string> {
    return this.session.during(this.#handOff(options))
  }

  async #persist(destination: string, options: PersistOptions): Promise<string> {
    this.requireMovable('persist')
    const target = targetOf(destination) // before the first wait, in which the program may change its directory
    await this.opened()
    this.requireMovable('persist')
    const move = (): Promise<void> => persist(this.#persistable(), target, options)
    await move()
      .catch((error: unknown) => this.#again(error, move))
      .catch((error: unknown) => this.#failPersist(error))
    this.context.counters.persisted++
    await this.#vacate()
    return target
  }

  #failPersist(error: unknown): never {
    const { path, session } = this
    throw persistError(error, { path, session }, () => this.requireLive('persist'))
  }

  persistSync(destination: string, options: PersistOptions = {}): string {
    this.requireMovable('persist')
    this.closeOpening()
    const { holding } = this
    if (holding !== undefined && (holding.leaveSync !== undefined || holding.foreign !== undefined)) {
      throw new TempFileError(
        'ERR_TEMP_IO',
        'persistSync cannot move a claim or an entry that was adopted in place. Use persist().',
      )
    }
    const target = targetOf(destination)
    try {
      const move = (): void => persistSync(this.#persistable(), target, options)
      try {
        move()
      } catch (error) {
        this.#again(error, move)
      }
    } catch (error) {
      this.#failPersist(error)
    }
    this.context.counters.persisted++
    this.settle('moved')
    try {
      holding?.vacateSync?.()
    } catch (error) {
      this.#reportError(error) // the data is at its destination; only an empty directory stays in the session
    }
    return target
  }

  #persistable(): Persistable {
    const { holding, session, kind, path } = this
    return {
      session,
      kind,
      path,
      foreign: holding?.foreign,
      retire: holding?.leave === undefined ? undefined : () => holding.vacate(),
    }
  }

  async #handOff(options: HandOffOptions): Promise<string> {
    this.requireMovable('publish')
    const { publish } = await operations()
    await this.opened()
    this.requireMovable('publish')
    const { kind, path, name, holding, session } = this
    // Not the entry itself: a claim has a ticket too, which is not the new one.
    const published = { kind, path, name, foreign: holding?.foreign }
    const move = (): Promise<string> =>
      publish(session, published, holding?.workshop ?? session.path, options)
    const ticket = await move().catch((error: unknown) => this.#again(error, move))
    this.context.counters.handedOff++
    await this.#vacate()
    return ticket
  }

  /**
   * Moves it to a free path in a directory of this root, and closes what is open on it. Does nothing if another program has
   * removed it. @throws ERR_TEMP_IO, ERR_TEMP_NO_SPACE
   */
  async moveTo(path: string): Promise<void> {
    const { fs } = this.context
    await this.closeResources()
    try {
      await this.#moveTo(path)
    } catch (error) {
      if (!isMissing(fs, this.path)) throw ioError(error, 'keep a temporary file or directory', this.path)
      // The session may have a tombstone's name, from where confirm() takes it back.
      if (!this.session.confirm() || isMissing(fs, this.path)) return
      await this.#moveTo(path)
    }
    await this.#vacate()
  }

  async #moveTo(path: string): Promise<void> {
    const { context, holding, session } = this
    const { fs } = context
    const holder = holding?.foreign
    if (holder === undefined) return fs.renameSync(this.path, path)
    const { left } = await moveIn(fs, this.path, path, { journal: journalOf(fs, session.path), holder })
    reportLeft(context, left)
  }

  protected override settle(how: 'removed' | 'released' | 'moved'): void {
    super.settle(how)
    if (this.session.postponed.size > 0) this.session.postponed.delete(this)
  }

  /** `preserve` removes nothing; but a claim must still be completed, or it would come back. */
  get #spared(): boolean {
    return this.context.preserve && this.holding?.leave === undefined
  }

  async #discard(): Promise<void> {
    const { holding } = this
    if (holding !== undefined) return this.session.during(holding.discard())
    try {
      await this.removeAt(this.path)
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
      if (this.isBack()) await ignoreMissing(() => this.removeAt(this.path))
    }
  }

  #discardSync(): void {
    try {
      if (this.holding === undefined) this.removeAtSync(this.path)
      else this.holding.discardSync()
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
      if (this.holding === undefined && this.isBack()) this.removeAtSync(this.path)
    }
  }

  /** After a failed move: moves it once more if it had only been out of reach. @throws `error` otherwise, and what `move` throws */
  #again<T>(error: unknown, move: () => T): T {
    const cause = isTempFileError(error) ? error.cause : error
    if (errnoOf(cause) !== 'ENOENT' || !this.isBack()) throw error
    return move()
  }

  /** After an ENOENT: whether the entry exists after all. Its session may have had a tombstone's name, from where confirm() takes it back. */
  protected isBack(): boolean {
    return this.session.confirm() && !isMissing(this.context.fs, this.path)
  }

  async #vacate(): Promise<void> {
    const { holding } = this
    this.settle('moved')
    try {
      await holding?.vacate()
    } catch (error) {
      this.#reportError(error) // the data is at its destination; only an empty directory stays in the session
    }
  }

  /** Reports the error once; each sweep of this manager tries again, because the handle is out of scope. */
  #postpone(error: unknown): void {
    this.session.postponed.add(this)
    this.#reportError(error)
  }

  #reportError(error: unknown): void {
    this.context.counters.cleanupErrors++
    const typed = error instanceof TempFileError ? error : cleanupError(error, this.path)
    reportCleanupError(this.context.onCleanupError, typed)
  }
}
