// A claim in our hands: what can be done with it, each exactly once. Promise: until complete() has renamed it
// away it goes back by itself, whatever happens to us; after that it never comes back.

import { removeTree, removeTreeSync } from '../disk/remove.ts'
import { syncDirectory } from '../disk/sync.ts'
import { errnoOf, ioError } from '../errors.ts'
import { log } from '../observe.ts'
import { DATA, goneName, inside } from '../session/layout.ts'
import type { Session } from '../session/session.ts'
import { giveBack } from './give-back.ts'
import type { HandoffRecord } from './record.ts'

export class Hold {
  readonly session: Session
  readonly directory: string
  readonly record: HandoffRecord
  readonly attempt: number

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
    const { fs } = this.session.context
    if (this.record.durable) {
      try {
        await syncDirectory(fs, this.session.path)
      } catch (error) {
        throw ioError(error, 'sync the completion of the handoff', gone)
      }
    }
    const report = await removeTree(fs, gone)
    if (report.errors.length > 0) log.handoff('completed, but not all deleted yet: %o', report.errors)
  }

  completeSync(): void {
    const gone = this.#commit()
    if (gone !== undefined) removeTreeSync(this.session.context.fs, gone)
  }

  /** Gives it back for another attempt. @throws ERR_TEMP_SESSION_LOST, ERR_TEMP_IO */
  release(): void {
    const { context, held } = this.session
    try {
      giveBack(context.fs, context.layout, this.directory, this.record.ticket)
      held.delete(this.record.ticket)
    } catch (error) {
      throw ioError(error, 'give the handoff back', this.directory)
    }
  }

  #commit(): string | undefined {
    const { session, directory, record } = this
    const gone = inside(session.path, goneName(record.ticket))
    try {
      session.context.fs.renameSync(directory, gone)
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw ioError(error, 'complete the handoff', directory)
      // Our directory was taken for a dead one's, and the claim went back: somebody else may have it now.
      if (!session.confirm()) throw session.lostError()
      session.held.delete(record.ticket)
      return undefined
    }
    session.held.delete(record.ticket)
    log.handoff('completed %s', record.ticket)
    return gone
  }
}
