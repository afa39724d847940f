// What a manager does in the background: refresh its own session, sweep the root, beat on a shared volume.
// Promise: nothing of it begins before the first use, throws into the program, or outlives stop().

import type { Context } from '../context.ts'
import { log } from '../runtime/observe.ts'
import { beat, type Heartbeat } from '../session/heartbeat.ts'
import type { Session } from '../session/session.ts'
import { underSweepLock } from './lock.ts'
import type { SweepReport } from './report.ts'
import { Schedule } from './schedule.ts'
import { type SweepRequest, sweep } from './sweep.ts'

export class Maintenance {
  readonly #context: Context
  readonly #session: () => Session | undefined
  readonly #onLost: () => void
  readonly #schedule: Schedule
  #heartbeat: Promise<Heartbeat | undefined> = Promise.resolve(undefined)
  #stopped = false

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
      .then(() => beat(fs, session.path, sharedVolume, () => this.#compromised(session)))
      .catch((error: unknown) => {
        log.session('no heartbeat: %s', messageOf(error))
        return undefined
      })
  }

  /** The disk was full: a crash may have filled it. */
  soon(): void {
    this.#schedule.soon()
  }

  async sweep(options: SweepRequest): Promise<SweepReport> {
    const session = this.#session()
    const report = await sweep({ ...this.#context, ownId: session?.id }, options)
    if (options.dryRun !== true) await session?.settlePostponed() // there may be room now
    return report
  }

  cancel(): void {
    this.#stopped = true
    this.#schedule.cancel()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#schedule.stop()
    await (await this.#heartbeat)?.stop()
  }

  async #run(signal: AbortSignal): Promise<void> {
    const session = this.#session()
    if (session !== undefined) {
      // A full disk may be why it fails, and then the sweep is what helps.
      await session.refresh().catch((error: unknown) => log.session('not refreshed: %s', messageOf(error)))
      this.#look(session)
    }
    if (this.#context.sharedVolume === undefined) await this.sweep({ signal })
    else await underSweepLock(this.#context, () => this.sweep({ signal }))
  }

  // proper-lockfile gives a compromised lock up; a session that is still ours must go on beating.
  #compromised(session: Session): void {
    this.#look(session)
    if (!session.lost && !session.ended && !this.#stopped) this.begin(session)
  }

  // Called from timers and from proper-lockfile: must not throw.
  #look(session: Session): void {
    try {
      if (!session.confirm()) this.#onLost()
    } catch (error) {
      log.session('could not look after the session: %s', messageOf(error))
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
