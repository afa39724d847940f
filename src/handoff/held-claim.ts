// A claim in our hands: what can be done with it, each exactly once. Promise: until complete() has renamed it
// away it goes back by itself, whatever happens to us; after that it never comes back.

import { removeTree, removeTreeSync } from '../disk/remove/remove.ts'
import { renameIfThere } from '../disk/rename-if-there.ts'
import { syncDirectory, syncDirectorySync } from '../disk/sync.ts'
import { ioError } from '../errors.ts'
import { DATA, goneName, inside } from '../layout.ts'
import { log } from '../runtime/observe.ts'
import type { Session } from '../session/session.ts'
import { giveBack } from './give-back.ts'
import type { HandoffRecord } from './handoff-record.ts'

export class Hold {
  readonly session: Session
  readonly directory: string
  readonly record: HandoffRecord
  readonly attempt: number
  /** Where it stands since it was completed; asked again after a failed sync. */
  #gone: string | undefined

  constructor(session: Session, directory: string, record: HandoffRecord, attempt: number) {
    this.session = session
    this.directory = directory
    this.record = record
    this.attempt = attempt
  }

  get path(): string {
    return inside(inside(this.directory, DATA), this.record.name)
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
    const { context, held } = this.session
    const { ticket } = this.record
    const attempt = (): boolean => giveBack(context, this.directory, ticket)
    try {
      // Not there: our directory may stand under a tombstone's name, from where confirm() takes it back.
      if (!attempt() && this.session.confirm()) attempt()
      held.delete(ticket)
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
        // Our directory stands under a tombstone's name (then again), or it was buried: then the claim went back.
        if (!session.confirm()) throw session.lostError()
        done = renameIfThere(fs, directory, gone)
      }
    } catch (error) {
      throw ioError(error, 'complete the handoff', directory)
    }
    session.held.delete(record.ticket)
    if (!done) return undefined
    log.handoff('completed %s', record.ticket)
    this.#gone = gone
    return gone
  }
}
