// A manager's work in the background: refresh its own session, sweep the root, keep a heartbeat on a shared volume.
// Guarantee: none of it throws into the program, holds it open, or outlives stop().

import type { Context } from '../context.ts'
import { errnoOf, messageOf } from '../errors.ts'
import { REFRESH_MS } from '../liveness/owner.ts'
import { operations } from '../on-demand.ts'
import { channels, log } from '../runtime/observe.ts'
import { beat, type Heartbeat } from '../session/heartbeat.ts'
import type { Session } from '../session/session.ts'
import type { SweepReport } from './report.ts'
import { Schedule } from './schedule.ts'
import type { SweepRequest } from './sweep-options.ts'

export class Maintenance {
  readonly #context: Context
  readonly #session: () => Session | undefined
  readonly #onLost: () => void
  readonly #schedule: Schedule
  /** Refreshes a session whose manager sweeps rarely or never: its age is evidence. */
  readonly #refreshes: Schedule | undefined
  #heartbeat: Promise<Heartbeat | undefined> = Promise.resolve(undefined)
  /** Until a heartbeat that could not be started is tried again. */
  #retry: NodeJS.Timeout | undefined
  #stopped = false

  constructor(context: Context, session: () => Session | undefined, onLost: () => void) {
    this.#context = context
    this.#session = session
    this.#onLost = onLost
    this.#schedule = new Schedule((signal) => this.#run(signal), context.sweepOnStart, context.sweepEvery)
    if (context.sweepEvery === undefined || context.sweepEvery > REFRESH_MS)
      this.#refreshes = new Schedule(() => this.#refresh(), false, REFRESH_MS)
  }

  /** The manager is not used yet: an idle service recovers the files of its predecessor. */
  startWhenIdle(): void {
    if (this.#context.sweepOnStart) this.#schedule.startWhenIdle()
  }

  /** At the manager's first use, whether or not a session could be created. */
  start(): void {
    this.#schedule.start()
    this.#refreshes?.start()
  }

  /** A session was created. */
  begin(session: Session): void {
    const { sharedVolume, fs } = this.#context
    if (sharedVolume === undefined) return
    const before = this.#heartbeat
    this.#heartbeat = before
      .then((old) => old?.stop())
      .then(() => beat(fs, session.path, sharedVolume, () => this.#compromised(session)))
      .catch((error: unknown) => {
        log.session('no heartbeat: %s', messageOf(error))
        this.#beatLater(session, sharedVolume.heartbeat)
        return undefined
      })
  }

  /** Without a heartbeat other hosts would suspect a live owner, so it is started until it runs. */
  #beatLater(session: Session, delay: number): void {
    if (this.#stopped) return
    this.#retry = setTimeout(() => this.#compromised(session), delay)
    this.#retry.unref()
  }

  /** The disk was full: a crash may have filled it. */
  soon(): void {
    this.#schedule.soon()
  }

  async sweep(options: SweepRequest): Promise<SweepReport> {
    const { sweep, pruneKept } = await operations()
    const session = this.#session()
    const report = await sweep({ ...this.#context, ownId: session?.id }, options)
    const { keepFailed } = this.#context
    if (keepFailed !== undefined && options.dryRun !== true) await pruneKept(this.#context, keepFailed)
    if (options.dryRun !== true) await session?.settlePostponed() // there may be room now
    return report
  }

  cancel(): void {
    this.#stopped = true
    clearTimeout(this.#retry)
    this.#schedule.cancel()
    this.#refreshes?.cancel()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#retry)
    await Promise.all([this.#schedule.stop(), this.#refreshes?.stop()])
    await (await this.#heartbeat)?.stop()
  }

  async #run(signal: AbortSignal): Promise<void> {
    await this.#refresh()
    if (!this.#mayHelp()) return
    if (this.#context.sharedVolume === undefined) {
      await this.sweep({ signal })
      return
    }
    const { underSweepLock } = await operations()
    await underSweepLock(this.#context, () => this.sweep({ signal }))
  }

  /** A full disk may be why it fails, and then the sweep is what helps. */
  async #refresh(): Promise<void> {
    const session = this.#session()
    if (session === undefined) return
    await session.refresh().catch((error: unknown) => log.session('not refreshed: %s', messageOf(error)))
    this.#look(session)
  }

  /** False where the root holds nothing but our own session: a short program does not load and run a sweep for that. */
  #mayHelp(): boolean {
    const { fs, layout } = this.#context
    const session = this.#session()
    if (channels.sweep.hasSubscribers || (session?.postponed.size ?? 0) > 0) return true
    const count = (directory: string): number => {
      try {
        return fs.readdirSync(directory).length
      } catch (error) {
        return errnoOf(error) === 'ENOENT' ? 0 : 1 // the sweep reports what is wrong
      }
    }
    const own = session === undefined ? 0 : 1
    return count(layout.sessions) > own || count(layout.handoffs) > 0 || count(layout.uploads) > 0
  }

  // proper-lockfile gives a compromised lock up; a session that still exists must continue to beat.
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
