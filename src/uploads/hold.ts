// A partial upload that this process holds. Guarantee: an offset is announced only after its bytes are on the disk (durable);
// until it is finished or discarded, the upload is given back whatever happens to this process.
//   checkpoint: 1. fsync the data  2. rename the state file  3. fsync the directory  4. announce the offset
//   give back:  the same, then rename claims/<id> to uploads/<id> and fsync uploads/

import { constants } from 'node:fs'
import type { UploadRecord } from '../claimable/upload-record.ts'
import {
  atName,
  createMark,
  doneName,
  giveBackUpload,
  lengthName,
  stateIn,
  type UploadState,
} from '../claimable/upload-state.ts'
import { open, sync } from '../disk/descriptors.ts'
import { renameIfThere } from '../disk/paths.ts'
import { removeTree } from '../disk/remove/remove.ts'
import { syncDirectory } from '../disk/sync.ts'
import { errnoOf, ioError } from '../errors.ts'
import { DATA, goneName, inside, WANTED } from '../layout.ts'
import { stampBootTime } from '../liveness/boot-clock.ts'
import { ownIdentity } from '../liveness/process-identity.ts'
import { channels, log } from '../runtime/observe.ts'
import type { Session } from '../session/session.ts'
import { registerWriter } from './active.ts'
import { keepDigest, type RunningDigest, takeDigest } from './running-digest.ts'
import { uploadClosed, uploadEnded, uploadTakenOver } from './upload-errors.ts'

const WRITE = constants.O_RDWR | (constants.O_NOFOLLOW ?? 0)

export class UploadHold {
  readonly session: Session
  readonly directory: string
  readonly record: UploadRecord
  readonly digest: RunningDigest
  /** Aborts when a newer request takes the upload over. */
  readonly takenOver = new AbortController()
  /** Bytes received; kept by the append that runs. */
  position: number
  movedAt = performance.now()
  /** Of this upload alone: other roots, and an upload after this one, may have one of the same id. */
  readonly #digestKey: string
  #state: UploadState
  #length: number | undefined
  #way: 'released' | 'discarded' | undefined
  #reachable = false
  #unregister: () => void
  #end: () => void = () => {}

  constructor(session: Session, directory: string, record: UploadRecord, state: UploadState) {
    this.session = session
    this.directory = directory
    this.record = record
    this.#state = state
    this.#length = record.length ?? state.length
    this.position = state.offset
    const expected = record.expectedDigests.map(({ algorithm }) => algorithm)
    const algorithms = record.hash === undefined ? expected : [record.hash, ...expected]
    this.#digestKey = `${inside(session.context.layout.uploads, record.id)} ${record.createdAt}`
    this.digest = takeDigest(this.#digestKey, state.offset, algorithms)
    this.#unregister = registerWriter(session.context, record.id, new Writer(this, this.#untilEnded()))
    const claim = new AbortController()
    claim.signal.addEventListener('abort', () => this.#leave()) // the end of its session gives it back
    session.claimed.set(record.id, claim)
  }

  /** No request of this process waits for it any more. */
  #leave(): void {
    this.#unregister()
    this.#end()
  }

  #untilEnded(): Promise<void> {
    return new Promise((resolve) => (this.#end = resolve))
  }

  get id(): string {
    return this.record.id
  }

  get path(): string {
    return inside(inside(this.directory, DATA), this.record.name)
  }

  get state(): UploadState {
    return this.#state
  }

  get offset(): number {
    return this.#state.offset
  }

  get length(): number | undefined {
    return this.#length
  }

  /** @throws ERR_TEMP_REMOVED (also after removeAll()), ERR_TEMP_SESSION_LOST, ERR_TEMP_CLOSED */
  requireHeld(): void {
    const { session } = this
    if (this.#way !== undefined) throw uploadEnded()
    if (session.ended) throw session.managerGoesOn ? uploadEnded() : uploadClosed()
    if (!session.claimed.has(this.id)) throw session.lost ? session.lostError() : uploadEnded()
  }

  openData(): Promise<number> {
    return open(this.session.context.fs, this.path, WRITE, 0)
  }

  /** Marks that a writer is at work: until the next checkpoint the bytes in the file count in this boot only. */
  markWriting(): void {
    const boot = bootMark(this.session.context.native)
    if (this.#state.boot !== boot) this.#rename(atName(this.offset, boot))
  }

  /** Puts `offset` on the disk: no power cut shows another one afterwards, unless a larger one. */
  async checkpoint(fd: number, offset: number, writing: boolean): Promise<void> {
    const { fs, layout, native } = this.session.context
    const { durable } = this.record
    if (durable) await sync(fs, fd)
    this.requireHeld()
    const more = offset !== this.offset
    this.#rename(writing ? atName(offset, bootMark(native)) : atName(offset))
    if (more) this.#stamp()
    if (!durable) return
    await syncDirectory(fs, this.directory)
    if (this.#reachable) return
    for (const path of [this.session.claims, this.session.path, layout.sessions])
      await syncDirectory(fs, path)
    this.#reachable = true
  }

  /** Notes that the data was published. */
  markDone(bytes: number): void {
    this.#rename(doneName(bytes))
    this.#stamp()
  }

  /** @throws ERR_TEMP_IO, ERR_TEMP_NO_SPACE */
  async declareLength(length: number): Promise<void> {
    const { context } = this.session
    try {
      createMark(context, this.directory, lengthName(length))
      this.#length = length
      if (this.record.durable) await syncDirectory(context.fs, this.directory)
    } catch (error) {
      throw ioError(error, "declare the upload's length", this.directory)
    }
  }

  /** Gives it back. Idempotent. After a failure the next call, and each sweep of the manager, tries again. @throws ERR_TEMP_IO */
  async release(): Promise<void> {
    if (this.#way !== undefined) {
      if (this.session.postponed.has(this)) await this.leave()
      return
    }
    this.#conclude('released')
    if (this.digest.algorithms.length > 0 && this.digest.offset === this.offset)
      keepDigest(this.#digestKey, this.digest)
    this.session.postponed.add(this)
    try {
      await this.leave()
    } finally {
      this.#end()
    }
  }

  /** Gives it back, unless another request of this session has it, or looks for it now. */
  async leave(): Promise<void> {
    const { context, claimed, postponed } = this.session
    if (claimed.has(this.id)) return
    try {
      const giveBack = (): boolean => giveBackUpload(context, this.directory, this.id)
      // Not there: this session's directory may have a tombstone's name, from which confirm() takes it back.
      if (!giveBack() && this.session.confirm()) giveBack()
      postponed.delete(this)
      if (this.record.durable) await syncDirectory(context.fs, context.layout.uploads)
    } catch (error) {
      throw ioError(error, 'give the upload back', this.directory)
    }
  }

  /** Deletes it; the rename is the commit. Idempotent. @throws ERR_TEMP_IO; as {@link requireHeld}: it is not deleted */
  async discard(): Promise<void> {
    if (this.#way === 'discarded') return
    this.requireHeld()
    const { fs } = this.session.context
    this.#conclude('discarded')
    const gone = inside(this.session.path, goneName(this.id))
    try {
      const rename = (): boolean => renameIfThere(fs, this.directory, gone)
      if (!rename() && this.session.confirm()) rename()
      if (this.record.durable) await syncDirectory(fs, this.session.path)
    } catch (error) {
      throw ioError(error, 'discard the upload', this.directory)
    } finally {
      this.#end()
    }
    log.upload('discarded %s', this.id)
    if (channels.upload.hasSubscribers)
      channels.upload.publish({ id: this.id, event: 'discarded', bytes: this.offset })
    await removeTree(fs, gone)
  }

  #conclude(way: 'released' | 'discarded'): void {
    this.#way = way
    this.#unregister()
    this.session.claimed.delete(this.id)
  }

  /** Its time to live starts again. A failure is only logged: the offset counts all the same. */
  #stamp(): void {
    try {
      stampBootTime(this.session.context.fs, inside(this.directory, this.#state.name))
    } catch (error) {
      log.upload('could not stamp %s: %s', this.id, errnoOf(error))
    }
  }

  #rename(name: string): void {
    const { fs } = this.session.context
    if (name === this.#state.name) return
    fs.renameSync(inside(this.directory, this.#state.name), inside(this.directory, name))
    const state = stateIn([name])
    if (state !== undefined) this.#state = { ...state, length: this.#state.length }
  }

  /** Whether a request in another process asks for this upload. */
  isWanted(): boolean {
    try {
      this.session.context.fs.lstatSync(inside(this.directory, WANTED))
      return true
    } catch {
      return false
    }
  }
}

/** A hold as other requests of this process see it. */
class Writer {
  readonly #hold: UploadHold
  readonly ended: Promise<void>

  constructor(hold: UploadHold, ended: Promise<void>) {
    this.#hold = hold
    this.ended = ended
  }

  get position(): number {
    return this.#hold.position
  }

  get movedAt(): number {
    return this.#hold.movedAt
  }

  stop(): void {
    this.#hold.takenOver.abort(uploadTakenOver())
  }
}

/** This boot, as the state file's name carries it; a fresh mark where the boot is unknown, which is then never trusted. */
export function bootMark(native: boolean): string {
  if (!native) return 'memory' // an injected file system that outlives no process
  const { bootId } = ownIdentity()
  return bootId === undefined ? 'unknown' : bootId.replace(/[^0-9a-z]/g, '').slice(0, 12)
}
