// The sweep: every entry of the root is looked at, judged and, if it proves dead, buried. Promise: judging is
// concurrent, deleting is one at a time in slices, so the loop is never held long; a failing entry never stops
// the rest; any number of sweepers work side by side, for each step is a rename that only one can win.

import { setImmediate as turn } from 'node:timers/promises'
import { clocksNow, type HandoffRoot } from '../claimable/expiry.ts'
import { readMounts } from '../disk/mounts.ts'
import { errnoOf } from '../errors.ts'
import type { HandoffInfo } from '../handoff/info.ts'
import { listHandoffs } from '../handoff/list.ts'
import { forLog } from '../input/names.ts'
import { abortSignal, boolean, type Checked, callback, duration, optionsOf } from '../input/options.ts'
import type { Duration } from '../input/units.ts'
import { inside } from '../layout.ts'
import type { Policy } from '../liveness/verdict.ts'
import { volumeNow } from '../liveness/volume-clock.ts'
import { keptNames, removeKept } from '../removal/kept.ts'
import { channels, log } from '../runtime/observe.ts'
import { checkRoot } from '../session/root.ts'
import { ReportBuilder, type SweepItem, type SweepProgress, type SweepReport } from './report.ts'
import { sweepHandoff } from './sweep-handoff.ts'
import { type InTurn, sweepSession } from './sweep-session.ts'
import { sweepUpload } from './sweep-upload.ts'

/** Options of {@link TempFileManager.sweep}. */
export interface SweepOptions {
  /** Only report what would be removed. Default false. */
  dryRun?: boolean | undefined
  /** Stops the sweep between two entries; the next sweep finishes the rest. */
  signal?: AbortSignal | undefined
  /** Called after each entry. */
  onProgress?: ((progress: SweepProgress) => void) | undefined
  /** Stops the sweep after this time; the next sweep finishes the rest. */
  timeLimit?: Duration | undefined
  /** Remove also everything in `kept/`, which `preserve` left for debugging. Default false. */
  kept?: boolean | undefined
  /** Also removes a session that nothing proves dead, once its owner has not touched it for this long. Default: never. */
  removeUnknownAfter?: Duration | undefined
}

const schema = {
  dryRun: boolean,
  signal: abortSignal,
  onProgress: callback<(progress: SweepProgress) => void>(),
  timeLimit: duration,
  kept: boolean,
  removeUnknownAfter: duration,
}

/** {@link SweepOptions}, checked: times in milliseconds. */
export type SweepRequest = Partial<Checked<typeof schema>>

/** Checks the options of a sweep. @throws ERR_TEMP_OPTION_INVALID */
export const checkSweepOptions: (options: SweepOptions | undefined) => SweepRequest = optionsOf(
  'sweep',
  schema,
)

/** What a sweep works on. */
export interface Swept extends HandoffRoot {
  readonly sharedVolume: { readonly staleAfter: number } | undefined
  /** The id of the sweeper's own session, never judged. */
  readonly ownId: string | undefined
}

/** Judged at once: each waits for the kernel's answer of one connect(2) and little else. */
const CONCURRENCY = 16

/** @throws ERR_TEMP_UNSAFE_ROOT, ERR_TEMP_IO when the root itself cannot be read */
export async function sweep(swept: Swept, options: SweepRequest = {}): Promise<SweepReport> {
  const run = new Run(swept, options)
  const report = await run.go()
  log.sweep(
    'swept: %d removed, %d bytes, %d errors',
    report.sessionsRemoved,
    report.bytes,
    report.errors.length,
  )
  if (channels.sweep.hasSubscribers) channels.sweep.publish({ report })
  return report
}

class Run {
  readonly #swept: Swept
  readonly #options: SweepRequest
  readonly #report = new ReportBuilder()
  readonly #startedAt = performance.now()
  readonly #signal: AbortSignal | undefined
  readonly #policy: Policy
  #burials: Promise<void> = Promise.resolve()
  #stopped = false
  #thrown: { readonly error: unknown } | undefined

  constructor(swept: Swept, options: SweepRequest) {
    this.#swept = swept
    this.#options = options
    this.#signal = ending(options)
    this.#policy = {
      removeUnknownAfterMs: options.removeUnknownAfter,
      staleAfterMs: swept.sharedVolume?.staleAfter,
    }
  }

  async go(): Promise<SweepReport> {
    const { layout } = this.#swept
    const dryRun = this.#options.dryRun === true
    if (!checkRoot(this.#swept)) return this.#report.build(dryRun, true, this.#startedAt, [])
    const now = volumeNow(this.#swept)
    const sessions = shuffle(this.#list(layout.sessions))
    const handoffs = this.#list(layout.handoffs)
    const uploads = this.#list(layout.uploads)
    this.#foreignIn()
    const total = sessions.length + handoffs.length + uploads.length
    let done = 0
    const step = async (name: string, work: () => Promise<void> | void): Promise<void> => {
      try {
        await work()
      } catch (error) {
        if (!this.#stopping()) this.#report.error(forLog(name), forLog(errnoOf(error) ?? String(error)))
      }
      this.#tell({ done: ++done, total, bytes: this.#report.bytes })
    }
    const mounts = readMounts()
    const inTurn: InTurn = (burial) => this.#inTurn(burial)
    const clocks = clocksNow(this.#swept, now)
    const context = {
      ...this.#swept,
      now,
      clocks,
      mounts,
      dryRun,
      policy: this.#policy,
      report: this.#report,
    }
    await this.#each(sessions, (name) =>
      step(`sessions/${name}`, () => sweepSession(context, name, inTurn, this.#signal)),
    )
    await this.#burials
    await this.#each(handoffs, (name) =>
      step(`handoffs/${name}`, () => sweepHandoff(context, name, inTurn, this.#signal)),
    )
    await this.#each(uploads, (name) =>
      step(`uploads/${name}`, () => sweepUpload(context, name, inTurn, this.#signal)),
    )
    if (this.#options.kept === true)
      await this.#each(keptNames(this.#swept), (name) => step(`kept/${name}`, () => this.#sweepKept(name)))
    if (this.#thrown !== undefined) throw this.#thrown.error
    const left = this.#stopped ? [] : await this.#handoffsLeft()
    return this.#report.build(dryRun, !this.#stopped, this.#startedAt, left)
  }

  async #sweepKept(name: string): Promise<void> {
    const add = (action: SweepItem['action'], { files, bytes } = { files: 0, bytes: 0 }): void =>
      this.#report.add({
        name: `kept/${forLog(name)}`,
        kind: 'kept',
        action,
        reason: 'kept for debugging',
        files,
        bytes,
      })
    if (this.#options.dryRun === true) return add('would-remove')
    const removed = await removeKept(this.#swept, name, this.#signal)
    if (removed === undefined) return add('left-to-others')
    for (const { error } of removed.errors)
      this.#report.error(`kept/${forLog(name)}`, errnoOf(error) ?? String(error))
    add('removed', removed)
  }

  /** The sweep is done and stands, whether or not what is left can be told. */
  async #handoffsLeft(): Promise<HandoffInfo[]> {
    try {
      return await listHandoffs(this.#swept)
    } catch (error) {
      const { cause } = error as Error // ERR_TEMP_IO, made in listHandoffs
      this.#report.error('handoffs', errnoOf(cause) ?? String(cause))
      return []
    }
  }

  // What the caller's own function throws is the caller's to get, once everything begun has come to its end.
  #tell(progress: SweepProgress): void {
    try {
      this.#options.onProgress?.(progress)
    } catch (error) {
      this.#thrown ??= { error }
      this.#stopped = true
    }
  }

  #stopping(): boolean {
    if (this.#signal?.aborted === true) this.#stopped = true
    return this.#stopped
  }

  // Deletions share the slices of one after the other: eight of them at once would hold the loop eight times as long.
  #inTurn<T>(burial: () => Promise<T>): Promise<T> {
    const mine = this.#burials.then(burial)
    this.#burials = mine.then(
      () => {},
      () => {},
    )
    return mine
  }

  async #each(names: readonly string[], work: (name: string) => Promise<void>): Promise<void> {
    let next = 0
    const worker = async (): Promise<void> => {
      for (let name = names[next++]; name !== undefined; name = names[next++]) {
        if (this.#stopping()) return
        await work(name)
        if (next % 64 === 0) await turn()
      }
    }
    await Promise.all(Array.from({ length: CONCURRENCY }, worker))
  }

  #foreignIn(): void {
    const { layout } = this.#swept
    const ours = [layout.sessions, layout.handoffs, layout.uploads, layout.kept, layout.sweepLock]
    for (const name of this.#list(layout.root)) {
      if (ours.includes(inside(layout.root, name))) continue
      const reason = 'not made by this package'
      this.#report.add({ name: forLog(name), kind: 'foreign', action: 'kept', reason, files: 0, bytes: 0 })
    }
  }

  #list(directory: string): string[] {
    try {
      return this.#swept.fs.readdirSync(directory).map(String)
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT')
        this.#report.error(
          directory === this.#swept.layout.root ? '.' : directory.slice(this.#swept.layout.root.length + 1),
          String(errnoOf(error)),
        )
      return []
    }
  }
}

/** The caller's signal and the timeLimit, as one; a deletion half way through stops for either. */
function ending({
  signal,
  timeLimit: milliseconds = Number.POSITIVE_INFINITY,
}: SweepRequest): AbortSignal | undefined {
  // A timer's longest delay; a sweep that may run for 24 days may as well run on.
  if (milliseconds > 2 ** 31 - 1) return signal
  const timeout = AbortSignal.timeout(Math.ceil(milliseconds))
  return signal === undefined ? timeout : AbortSignal.any([signal, timeout])
}

/** Sweepers that begin together take different ends, so that each finds work of its own. */
function shuffle(names: string[]): string[] {
  for (let i = names.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1))
    const [a, b] = [names[i], names[j]]
    if (a !== undefined && b !== undefined) {
      names[i] = b
      names[j] = a
    }
  }
  return names
}
