// What a sweep tells: every entry of the root, what was decided of it and why.

import type { HandoffInfo } from '../handoff/info.ts'

/** One entry of the root as a sweep saw it. */
export interface SweepEntry {
  /** Its name on disk at the time, with its room: 'sessions/s-...', 'handoffs/...'. */
  readonly name: string
  readonly kind: 'session' | 'draft' | 'tombstone' | 'condemned' | 'handoff' | 'foreign'
  readonly action: 'kept' | 'removed' | 'would-remove' | 'spared' | 'left-to-others'
  /** In words: 'owner alive (pid 1234, the process runs)', 'made on another host; see sharedVolume'. */
  readonly reason: string
  /** Files and bytes removed of it. */
  readonly files: number
  readonly bytes: number
}

/** The result of {@link TempFileManager.sweep}. */
export interface SweepReport {
  readonly entries: readonly SweepEntry[]
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
  /** What failed; it is tried again by the next sweep. */
  readonly errors: readonly { readonly name: string; readonly message: string }[]
  readonly dryRun: boolean
  /** False when the signal or the deadline ended it early; the next sweep goes on. */
  readonly complete: boolean
  readonly durationMs: number
}

/** How far a running sweep is. */
export interface SweepProgress {
  readonly done: number
  readonly total: number
  readonly bytes: number
}

/** Collects a report while a sweep runs. */
export class ReportBuilder {
  readonly #entries: SweepEntry[] = []
  readonly #givenBack: string[] = []
  readonly #expired: string[] = []
  readonly #errors: { name: string; message: string }[] = []
  #files = 0
  #bytes = 0
  #sessions = 0

  add(entry: SweepEntry): void {
    this.#entries.push(entry)
    this.#files += entry.files
    this.#bytes += entry.bytes
    if (entry.action === 'removed' && entry.kind !== 'handoff' && entry.kind !== 'draft') this.#sessions++
  }

  givenBack(tickets: readonly string[]): void {
    this.#givenBack.push(...tickets)
  }

  expired(ticket: string): void {
    this.#expired.push(ticket)
  }

  error(name: string, message: string): void {
    this.#errors.push({ name, message })
  }

  get bytes(): number {
    return this.#bytes
  }

  build(
    dryRun: boolean,
    complete: boolean,
    startedAt: number,
    handoffs: readonly HandoffInfo[],
  ): SweepReport {
    return {
      handoffs,
      entries: this.#entries,
      files: this.#files,
      bytes: this.#bytes,
      sessionsRemoved: this.#sessions,
      claimsGivenBack: this.#givenBack,
      handoffsExpired: this.#expired,
      errors: this.#errors,
      dryRun,
      complete,
      durationMs: performance.now() - startedAt,
    }
  }
}
