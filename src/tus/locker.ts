// The Locker of @tus/server: an upload's lock is its claim on disk, so it holds across processes, and a dead holder's lock
// is free at once. Guarantee: a living writer that moves keeps the lock and the newcomer gets 423; one that is stuck, as
// behind a dropped connection, is asked to stop and loses it.

import { setTimeout as pause } from 'node:timers/promises'
import { ERRORS, type Lock, type Locker, type RequestRelease } from '@tus/server'
import { type Duration, isTempFileError, type PartialUpload, type TempFileManager } from '../index.ts'
import { optionsOf, timerDuration } from '../input/options.ts'
import { requireManager } from '../input/program-objects.ts'
import { layoutOf } from '../layout.ts'
import { activeWriter } from '../uploads/active.ts'
import { uploadIdOf } from '../uploads/upload-id.ts'
import { LOCKED } from './tus-errors.ts'

/** A writer that has not received a byte for so long is taken to be cut off. */
const STUCK_MS = 1000
const LOOK_MS = 50

const checkOptions = optionsOf('TempFileLocker', { timeout: timerDuration })

/** The uploads that requests of this process hold: the store writes through it. */
export class TempFileLocker implements Locker {
  readonly #manager: TempFileManager
  readonly #timeoutMs: number
  readonly #held = new Map<string, Held>()

  /** `timeout`: how long a request waits for the lock. Default '10s'. @throws ERR_TEMP_OPTION_INVALID */
  constructor(manager: TempFileManager, options: { timeout?: Duration | undefined } = {}) {
    this.#manager = requireManager(manager, 'The first argument')
    this.#timeoutMs = checkOptions(options).timeout ?? 10_000
  }

  newLock(id: string): Lock {
    let held: Held | undefined
    return {
      lock: async (signal, requestRelease) => {
        held = await this.#lock(id, signal, requestRelease)
      },
      unlock: async () => {
        const mine = held
        held = undefined
        if (mine === undefined || this.#held.get(id) !== mine) return
        try {
          await (await mine.upload?.catch(() => undefined))?.release()
        } finally {
          this.#held.delete(id)
        }
      },
    }
  }

  /** @internal The upload that the current holder of the lock works on, claimed at its first use; undefined without a lock. */
  open(id: string): Promise<PartialUpload> | undefined {
    const held = this.#held.get(id)
    if (held === undefined) return undefined
    held.upload ??= this.#claim(id)
    held.upload.catch(() => (held.upload = undefined))
    return held.upload
  }

  /** @internal An upload that was created under the lock. False without a lock. */
  keep(id: string, upload: PartialUpload): boolean {
    const held = this.#held.get(id)
    if (held === undefined) return false
    held.upload = Promise.resolve(upload)
    return true
  }

  async #lock(id: string, signal: AbortSignal, requestRelease: RequestRelease): Promise<Held> {
    const deadline = performance.now() + this.#timeoutMs
    while (!signal.aborted) {
      const holder = this.#held.get(id)
      if (holder === undefined) {
        const mine: Held = { requestRelease, upload: undefined, since: performance.now() }
        this.#held.set(id, mine)
        return mine
      }
      const writer = activeWriter({ layout: layoutOf(this.#manager.root) }, uploadIdOf(id))
      if (performance.now() - (writer?.movedAt ?? holder.since) > STUCK_MS) {
        await holder.requestRelease()
        writer?.stop()
      }
      if (performance.now() > deadline) throw LOCKED
      await pause(LOOK_MS)
    }
    throw ERRORS.ABORTED
  }

  /** A writer in another process is given time to end by itself, then asked to. */
  async #claim(id: string): Promise<PartialUpload> {
    const patience = performance.now() + 2 * STUCK_MS
    for (;;) {
      const whenBusy = performance.now() < patience ? 'refuse' : 'take-over'
      try {
        return await this.#manager.openUpload(id, { whenBusy })
      } catch (error) {
        const busy = isTempFileError(error) && error.code === 'ERR_TEMP_HANDOFF_CLAIMED'
        if (!busy || whenBusy === 'take-over') throw error
      }
      await pause(LOOK_MS)
    }
  }
}

interface Held {
  readonly requestRelease: RequestRelease
  readonly since: number
  upload: Promise<PartialUpload> | undefined
}
