// The sweep: it looks at every entry of the root, and removes those that prove dead or expired. Guarantee: judging is
// concurrent and deleting runs one at a time in slices, so the event loop is never held long; a failing entry never
// stops the rest; any number of sweepers may run at once, because each step is a rename that only one of them wins.

import { setImmediate as turn } from 'node:timers/promises'
import { clocksNow, type HandoffRoot } from '../claimable/expiry.ts'
import { readMounts } from '../disk/mounts.ts'
import { existsAt, namesIn } from '../disk/paths.ts'
import { errnoOf } from '../errors.ts'
import type { HandoffInfo } from '../handoff/info.ts'
import { listHandoffs } from '../handoff/list.ts'
import { forLog } from '../input/names.ts'
import { inside } from '../layout.ts'
import { volumeNow } from '../liveness/volume-clock.ts'
import { keptNames, removeKept } from '../removal/kept.ts'
import { type Condemned, finishRemoval, type Removal } from '../removal/remove-session.ts'
import { untilAborted } from '../runtime/abort.ts'
import { channels, log } from '../runtime/observe.ts'
import { checkRoot } from '../session/root.ts'
import type { SweepReport } from './report.ts'
import { ReportBuilder } from './report-builder.ts'
import { type Finding, foreign, leftToOthers, type SweepRun } from './sweep-finding.ts'
import { sweepHandoff } from './sweep-handoff.ts'
import { type SweepRequest, stopSignal } from './sweep-options.ts'
import { sweepSession } from './sweep-session.ts'
import { sweepUpload } from './sweep-upload.ts'

/** The root and the settings of a sweep. */
export interface Swept extends HandoffRoot {
  readonly sharedVolume: { readonly staleAfter: number } | undefined
  /** The id of the sweeper's own session, which is never judged. */
  readonly ownId: string | undefined
}

/** Sessions judged at once: each waits for the kernel's answer to one connect(2) and little else. */
const CONCURRENCY = 16

/** @throws ERR_TEMP_UNSAFE_ROOT, ERR_TEMP_IO when the root itself cannot be read */
export async function sweep(swept: Swept, request: SweepRequest = {}): Promise<SweepReport> {
  const report = await new Sweep(swept, request).run()
  log.sweep(
    'swept: %d removed, %d bytes, %d errors',
    report.sessionsRemoved,
    report.bytes,
    report.errors.length,
  )
  if (channels.sweep.hasSubscribers) channels.sweep.publish({ report })
  return report
}

/** A directory of the root, and how its entries are judged. */
interface Room {
  readonly name: 'sessions' | 'handoffs' | 'uploads'
  readonly entries: readonly string[]
  readonly judge: (run: SweepRun, name: string) => Promise<Finding> | Finding
}

class Sweep {
  readonly #swept: Swept
  readonly #request: SweepRequest
  readonly #signal: AbortSignal | undefined
  readonly #report = new ReportBuilder()
  /** Ends when the last deletion so far has ended. */
  #deletions: Promise<unknown> = Promise.resolve()
  #done = 0
  #total = 0
  #stopped = false
  #thrown: { readonly error: unknown } | undefined
  /** Ends when every call of `onProgress` so far has ended. */
  #calls = Promise.resolve()

  constructor(swept: Swept, request: SweepRequest) {
    this.#swept = swept
    this.#request = request
    this.#signal = stopSignal(request)
  }

  async run(): Promise<SweepReport> {
    const dryRun = this.#request.dryRun === true
    if (!checkRoot(this.#swept, dryRun ? 'look' : 'change'))
      return this.#report.build({ dryRun, finished: true, handoffs: [] })
    const run = this.#prepare(dryRun)
    const { layout } = this.#swept
    const rooms: Room[] = [
      { name: 'sessions', entries: shuffle(this.#list(layout.sessions)), judge: sweepSession },
      { name: 'handoffs', entries: this.#list(layout.handoffs), judge: sweepHandoff },
      { name: 'uploads', entries: this.#list(layout.uploads), judge: sweepUpload },
    ]
    this.#total = rooms.reduce((sum, room) => sum + room.entries.length, 0)
    this.#reportForeign()
    for (const room of rooms) await this.#sweepRoom(run, room)
    if (this.#request.kept === true) await this.#sweepKept(dryRun)
    await untilAborted([this.#signal], () => this.#calls).catch(() => {}) // of the abort
    if (this.#thrown !== undefined) throw this.#thrown.error
    const handoffs = this.#stopped ? [] : await this.#remainingHandoffs()
    return this.#report.build({ dryRun, finished: !this.#stopped, handoffs })
  }

  #prepare(dryRun: boolean): SweepRun {
    const swept = this.#swept
    const now = volumeNow(swept)
    const policy = {
      removeUnknownAfterMs: this.#request.removeUnknownAfter,
      staleAfterMs: swept.sharedVolume?.staleAfter,
    }
    const clocks = clocksNow(swept, now)
    return { ...swept, now, clocks, mounts: readMounts(), dryRun, policy, signal: this.#signal }
  }

  async #sweepRoom(run: SweepRun, room: Room): Promise<void> {
    let next = 0
    const worker = async (): Promise<void> => {
      for (let name = room.entries[next++]; name !== undefined; name = room.entries[next++]) {
        if (this.#isStopping()) return
        await this.#sweepEntry(run, room, name)
        if (next % 64 === 0) await turn()
      }
    }
    await Promise.all(Array.from({ length: CONCURRENCY }, worker))
  }

  async #sweepEntry(run: SweepRun, room: Room, name: string): Promise<void> {
    const label = `${room.name}/${forLog(name)}`
    try {
      const finding = await room.judge(run, name)
      const removal = finding.condemned && (await this.#delete(finding.condemned))
      this.#report.add(label, finding, removal)
    } catch (error) {
      const path = inside(this.#swept.layout[room.name], name)
      if (errnoOf(error) === 'ENOENT' && !existsAt(this.#swept.fs, path))
        this.#report.add(label, leftToOthers(KIND_OF_ROOM[room.name]))
      else if (!this.#isStopping()) this.#report.error(label, error)
    }
    this.#done++
    this.#reportProgress()
  }

  /** Deletions run one after another: eight at once would hold the event loop eight times as long. */
  #delete(condemned: Condemned): Promise<Removal> {
    const removal = this.#deletions.then(() =>
      finishRemoval(this.#swept, condemned, {
        signal: this.#signal,
        onSlice: (removed) => removed.files > 0 && this.#reportProgress(removed),
      }),
    )
    this.#deletions = removal.catch(() => {}) // its caller reports it
    return removal
  }

  async #sweepKept(dryRun: boolean): Promise<void> {
    const item = { kind: 'kept', reason: 'kept for debugging' } as const
    for (const name of keptNames(this.#swept)) {
      if (this.#isStopping()) return
      const label = `kept/${forLog(name)}`
      try {
        if (dryRun) {
          this.#report.add(label, { ...item, action: 'would-remove' })
          continue
        }
        const removed = await removeKept(this.#swept, name, this.#signal)
        if (removed === undefined) this.#report.add(label, leftToOthers('kept'))
        else this.#report.add(label, { ...item, action: 'removed' }, { claims: NO_CLAIMS, removed })
      } catch (error) {
        if (!this.#isStopping()) this.#report.error(label, error)
      }
    }
  }

  /** The sweep has ended and counts, even if the handoffs cannot be listed now. */
  async #remainingHandoffs(): Promise<HandoffInfo[]> {
    try {
      return await listHandoffs(this.#swept)
    } catch (error) {
      this.#report.error('handoffs', error instanceof Error ? error.cause : error) // listHandoffs wraps the system's error
      return []
    }
  }

  /** An error of the caller's function, or of its promise, rejects the sweep, after all that runs has ended. */
  #reportProgress(removing = NOTHING): void {
    const { onProgress } = this.#request
    if (onProgress === undefined) return
    const { files, bytes } = this.#report
    const call = async (): Promise<void> =>
      onProgress({
        done: this.#done,
        total: this.#total,
        files: files + removing.files,
        bytes: bytes + removing.bytes,
      })
    const ended = call().catch((error: unknown) => {
      this.#thrown ??= { error }
      this.#stopped = true
    })
    this.#calls = this.#calls.then(() => ended)
  }

  #isStopping(): boolean {
    if (this.#signal?.aborted === true) this.#stopped = true
    return this.#stopped
  }

  #reportForeign(): void {
    const { layout } = this.#swept
    const known = [
      layout.sessions,
      layout.handoffs,
      layout.uploads,
      layout.kept,
      layout.tmp,
      layout.sweepLock,
    ]
    for (const name of this.#list(layout.root))
      if (!known.includes(inside(layout.root, name))) this.#report.add(forLog(name), foreign())
  }

  #list(directory: string): string[] {
    const { fs, layout } = this.#swept
    try {
      return namesIn(fs, directory)
    } catch (error) {
      const label = directory === layout.root ? '.' : directory.slice(layout.root.length + 1)
      if (errnoOf(error) !== 'ENOENT') this.#report.error(label, error)
      return []
    }
  }
}

const KIND_OF_ROOM = { sessions: 'session', handoffs: 'handoff', uploads: 'upload' } as const
/** Nothing is being removed. */
const NOTHING = { files: 0, bytes: 0 }
const NO_CLAIMS = { returned: [], stuck: [] }

/** Sweepers that start together start at different entries, so that each finds work. */
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
