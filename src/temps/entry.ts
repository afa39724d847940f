// Ends a temporary file or directory: removes or releases it; move-entry.ts moves it away.
// Guarantee: removing it twice, concurrently, or after another process removed it succeeds; a removal that fails is
// reported and can be tried again; what was open on it is closed.

import { ignoreMissing } from '../disk/paths.ts'
import { retry, retrySync } from '../disk/remove/retry-removal.ts'
import { errnoOf, isTempFileError } from '../errors.ts'
import { inside } from '../layout.ts'
import { asyncDispose, dispose } from '../runtime/dispose.ts'
import { cleanupError } from '../runtime/observe.ts'
import type { HandOffOptions, PersistOptions, TempEntry } from '../types.ts'
import { reportFailure } from './failure.ts'
import { LiveEntry } from './live-entry.ts'
import { handOffEntry, moveEntry, persistEntry, persistEntrySync } from './move-entry.ts'

export abstract class Entry extends LiveEntry implements TempEntry {
  /** Removes what is at `path`. Throws the system's error, ENOENT too. */
  abstract removeAt(path: string): Promise<void>
  abstract removeAtSync(path: string): void

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

  async persist(destination: string, options: PersistOptions = {}): Promise<string> {
    return await this.session.during(persistEntry(this, destination, options))
  }

  persistSync(destination: string, options: PersistOptions = {}): string {
    return persistEntrySync(this, destination, options)
  }

  async handOff(options: HandOffOptions = {}): Promise<string> {
    return await this.session.during(handOffEntry(this, options))
  }

  /**
   * Moves it to a free path in a directory of this root, and closes what is open on it. Does nothing if another program has
   * removed it. @throws ERR_TEMP_IO, ERR_TEMP_NO_SPACE
   */
  async moveTo(path: string): Promise<void> {
    await moveEntry(this, path)
  }

  override settle(how: 'removed' | 'released' | 'moved'): void {
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

  /** Reports the error once; each sweep of this manager tries again, because the handle is out of scope. */
  #postpone(error: unknown): void {
    this.session.postponed.add(this)
    reportFailure(this, error)
  }
}
