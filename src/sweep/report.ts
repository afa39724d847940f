// What a sweep tells: every entry of the root, what was decided of it and why.

import type { HandoffInfo } from '../handoff/info.ts'

/** One entry of the root as a sweep saw it. */
export interface SweepItem {
  /** Its name on disk at the time, with its room: 'sessions/s-...', 'handoffs/...', 'uploads/...'. */
  readonly name: string
  readonly kind: 'session' | 'draft' | 'tombstone' | 'condemned' | 'handoff' | 'upload' | 'kept' | 'foreign'
  readonly action: 'kept' | 'removed' | 'would-remove' | 'spared' | 'left-to-others'
  /** In words: 'owner alive (pid 1234, the process runs)', 'made on another host; see sharedVolume'. */
  readonly reason: string
  /** Files and bytes removed of it. */
  readonly files: number
  readonly bytes: number
}

/** The result of {@link TempFileManager.sweep}. */
export interface SweepReport {
  readonly items: readonly SweepItem[]
  /** Files, and their bytes by size, that were removed. */
  readonly files: number
  readonly bytes: number
  readonly sessionsRemoved: number
  /** Every handoff as it stands after the sweep: age, size, attempts, claimant, expiry. */
  readonly handoffs: readonly HandoffInfo[]
  /** Tickets that dead claimants held and that can be claimed again. */
  readonly claimsGivenBack: readonly string[]
  /** Tickets whose time to live was over. */
  readonly handoffsExpired: readonly string[]
  /** Ids of partial uploads whose client did not return in time, and of finished ones that were kept long enough. */
  readonly uploadsExpired: readonly string[]
  /** What failed; it is tried again by the next sweep. */
  readonly errors: readonly { readonly name: string; readonly message: string }[]
  readonly dryRun: boolean
  /** False when the signal or the timeLimit ended it early; the next sweep goes on. */
  readonly finished: boolean
  readonly durationMs: number
}

/** How far a running sweep is. */
export interface SweepProgress {
  readonly done: number
  readonly total: number
  readonly bytes: number
}

const OTHER_THAN_SESSIONS = new Set<SweepItem['kind']>(['handoff', 'upload', 'draft', 'kept'])

/** Collects a report while a sweep runs. */
export class ReportBuilder {
  readonly #items: SweepItem[] = []
  readonly #givenBack: string[] = []
  readonly #expired: string[] = []
  readonly #uploadsExpired: string[] = []
  readonly #errors: { name: string; message: string }[] = []
  #files = 0
  #bytes = 0
  #sessions = 0

  add(entry: SweepItem): void {
    this.#items.push(entry)
    this.#files += entry.files
    this.#bytes += entry.bytes
    if (entry.action === 'removed' && !OTHER_THAN_SESSIONS.has(entry.kind)) this.#sessions++
  }

  givenBack(tickets: readonly string[]): void {
    this.#givenBack.push(...tickets)
  }

  expired(ticket: string): void {
    this.#expired.push(ticket)
  }

  uploadExpired(id: string): void {
    this.#uploadsExpired.push(id)
  }

  error(name: string, message: string): void {
    this.#errors.push({ name, message })
  }

  get bytes(): number {
    return this.#bytes
  }

  build(
    dryRun: boolean,
    finished: boolean,
    startedAt: number,
    handoffs: readonly HandoffInfo[],
  ): SweepReport {
    return {
      handoffs,
      items: this.#items,
      files: this.#files,
      bytes: this.#bytes,
      sessionsRemoved: this.#sessions,
      claimsGivenBack: this.#givenBack,
      handoffsExpired: this.#expired,
      uploadsExpired: this.#uploadsExpired,
      errors: this.#errors,
      dryRun,
      finished,
      durationMs: performance.now() - startedAt,
    }
  }
}
