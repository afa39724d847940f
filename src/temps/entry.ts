// How a temporary file or directory ends: removed, released, persisted or handed off.
// Guarantee: removing it twice, concurrently, or after another process removed it succeeds; a removal that fails is
// reported and can be tried again; what was open on it is closed.

import { ignoreMissing } from '../disk/paths.ts'
import { retry, retrySync } from '../disk/remove/retry-removal.ts'
import { errnoOf, isTempFileError, TempFileError } from '../errors.ts'
import { inside } from '../layout.ts'
import { operations } from '../on-demand.ts'
import { asyncDispose, dispose } from '../runtime/dispose.ts'
import { cleanupError, reportCleanupError } from '../runtime/observe.ts'
import type { HandOffOptions, PersistOptions, TempEntry } from '../types.ts'
import { LiveEntry } from './live-entry.ts'
import { type Persistable, persist, persistSync } from './persist.ts'

export abstract class Entry extends LiveEntry implements TempEntry {
  /** Removes what is at `path`. Throws the system's error; ENOENT counts as removed. */
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

  /** Ends it as its scope does: removes it, or gives a claim back. */
  async leave(): Promise<void> {
    if (!this.endsWithScope) return
    const { holding } = this
    if (holding?.leave === undefined) return await this.remove()
    await this.closeResources()
    await holding.leave()
    this.settle('released')
  }

  /** Gives a claim back; does nothing on the disk for any other entry. */
  async giveBack(): Promise<void> {
    this.requireLive('release')
    await this.closeResources()
    await this.holding?.leave?.()
    this.settle('released')
  }

  persist(destination: string, options: PersistOptions = {}): Promise<string> {
    return this.session.during(this.#persist(destination, options))
  }

  handOff(options: HandOffOptions = {}): Promise<string> {
    return this.session.during(this.#handOff(options))
  }

  async #persist(destination: string, options: PersistOptions): Promise<string> {
    this.requireMovable('persist')
    const target = await persist(this.#persistable(), destination, options)
    this.context.counters.persisted++
    await this.#vacate()
    return target
  }

  persistSync(destination: string, options: PersistOptions = {}): string {
    this.requireMovable('persist')
    const { holding } = this
    if (holding !== undefined && (holding.leaveSync !== undefined || holding.foreign === true)) {
      throw new TempFileError(
        'ERR_TEMP_IO',
        'persistSync cannot move a claim or an entry that was adopted in place. Use persist().',
      )
    }
    const target = persistSync(this.#persistable(), destination, options)
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
    const { holding, session, path } = this
    return {
      session,
      path,
      foreign: holding?.foreign === true,
      retire: holding?.leave === undefined ? undefined : () => holding.vacate(),
    }
  }

  async #handOff(options: HandOffOptions): Promise<string> {
    this.requireMovable('hand off')
    const { publish } = await operations()
    this.requireMovable('hand off')
    const { kind, path, name, holding, session } = this
    // Not the entry itself: a claim has a ticket too, which is not the new one.
    const published = { kind, path, name, foreign: holding?.foreign }
    const ticket = await publish(session, published, holding?.workshop ?? session.path, options)
    this.context.counters.handedOff++
    await this.#vacate()
    return ticket
  }

  /** Moves it out of the session for good, and closes what is open on it. Throws the system's error. */
  async moveTo(path: string): Promise<void> {
    await this.closeResources()
    this.context.fs.renameSync(this.path, path)
    await this.#vacate()
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
    await ignoreMissing(() => this.removeAt(this.path))
  }

  #discardSync(): void {
    try {
      if (this.holding === undefined) this.removeAtSync(this.path)
      else this.holding.discardSync()
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
    }
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
