// What a manager does in the background: refresh its own session, sweep the root, beat on a shared volume.
// Promise: nothing of it begins before the first use, throws into the program, or outlives stop().

import { joinSignals } from '../abort.ts'
import type { Context } from '../context.ts'
import { log } from '../observe.ts'
import { beat, type Heartbeat } from '../session/heartbeat.ts'
import type { Session } from '../session/session.ts'
import type { SweepReport } from './report.ts'
import { Schedule } from './schedule.ts'
import { type SweepOptions, sweep } from './sweep.ts'
import { underSweepLock } from './sweep-lock.ts'

export class Maintenance {
  readonly #context: Context
  readonly #session: () => Session | undefined
  readonly #onLost: () => void
  readonly #schedule: Schedule
  #heartbeat: Promise<Heartbeat | undefined> = Promise.resolve(undefined)

  constructor(context: Context, session: () => Session | undefined, onLost: () => void) {
    this.#context = context
    this.#session = session
    this.#onLost = onLost
    this.#schedule = new Schedule((signal) => this.#run(signal), context.sweepOnStart, context.sweepEvery)
  }

  /** At the manager's first use, whether or not a session could be made. */
  start(): void {
    this.#schedule.start()
  }

  /** A session was made. */
  begin(session: Session): void {
    const { sharedVolume, fs } = this.#context
    if (sharedVolume === undefined) return
    const before = this.#heartbeat
    this.#heartbeat = before
      .then((old) => old?.stop())
      .then(() => beat(fs, session.path, sharedVolume, () => this.#look(session)))
      .catch((error: unknown) => {
        log.session('no heartbeat: %s', error instanceof Error ? error.message : error)
        return undefined
      })
  }

  /** The disk was full: a crash may have filled it. */
  soon(): void {
    this.#schedule.soon()
  }

  async sweep(options: SweepOptions, closing: AbortSignal): Promise<SweepReport> {
    const { signal, detach } = joinSignals(options.signal, closing)
    const { fs, native, layout, sharedVolume } = this.#context
    try {
      return await sweep(
        { fs, native, layout, sharedVolume, ownId: this.#session()?.id },
        { ...options, signal },
      )
    } finally {
      detach()
    }
  }

  cancel(): void {
    this.#schedule.cancel()
  }

  async stop(): Promise<void> {
    await this.#schedule.stop()
    await (await this.#heartbeat)?.stop()
  }

  async #run(signal: AbortSignal): Promise<void> {
    const session = this.#session()
    if (session !== undefined) {
      await session.refresh()
      this.#look(session)
    }
    if (this.#context.sharedVolume === undefined) await this.sweep({}, signal)
    else await underSweepLock(this.#context.layout, () => this.sweep({}, signal))
  }

  // Called from timers and from proper-lockfile: must not throw.
  #look(session: Session): void {
    try {
      if (!session.confirm()) this.#onLost()
    } catch (error) {
      log.session('could not look after the session: %s', error instanceof Error ? error.message : error)
    }
  }
}
