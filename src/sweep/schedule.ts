// Starts sweeps without a call: at the manager's first use, or a second after it was created, then periodically.
// Guarantee: the timers hold no process open, never throw, and stop() leaves neither a timer nor a running sweep behind.

import { messageOf } from '../errors.ts'
import { LONGEST_TIMER_MS } from '../input/options.ts'
import { whenLoopTurns } from '../runtime/loop-turn.ts'
import { log } from '../runtime/observe.ts'

/** After so long a manager that was not used sweeps too: an idle service recovers the files of its predecessor. */
const IDLE_START_MS = 1000

export class Schedule {
  readonly #run: (signal: AbortSignal) => Promise<void>
  readonly #everyMs: number | undefined
  readonly #onStart: boolean
  #stop: AbortController | undefined
  #stopped = false
  #timer: NodeJS.Timeout | undefined
  #first: NodeJS.Immediate | undefined
  #cancelTurn: (() => void) | undefined
  #running: Promise<void> | undefined
  #started = false

  constructor(run: (signal: AbortSignal) => Promise<void>, onStart: boolean, everyMs: number | undefined) {
    this.#run = run
    this.#onStart = onStart
    this.#everyMs = everyMs
  }

  /** Starts by itself after {@link IDLE_START_MS}, unless it has started before. */
  startWhenIdle(): void {
    if (this.#started || this.#stopped) return
    this.#timer = setTimeout(() => this.start(), IDLE_START_MS)
    this.#timer.unref()
  }

  /** Starts; calls after the first do nothing. */
  start(): void {
    if (this.#started || this.#stopped) return
    this.#started = true
    clearTimeout(this.#timer)
    this.#cancelTurn = whenLoopTurns(() => {
      if (this.#onStart) this.#follow()
      this.#plan()
    })
  }

  /**
   * Runs a sweep as soon as the loop turns, after the disk was found full. One that is running has read its list
   * already, so another follows it.
   */
  soon(): void {
    if (this.#first !== undefined || this.#stopped) return
    this.#first = setImmediate(() => {
      this.#first = undefined
      this.#follow()
    })
    this.#first.unref()
  }

  #follow(): void {
    void (this.#running ?? Promise.resolve()).then(() => this.now())
  }

  /** Runs a sweep now, or joins the one that runs. Never rejects. */
  now(): Promise<void> {
    if (this.#stopped) return Promise.resolve()
    this.#stop ??= new AbortController()
    this.#running ??= this.#run(this.#stop.signal)
      .catch((error: unknown) => log.sweep('a sweep failed: %s', messageOf(error)))
      .finally(() => {
        this.#running = undefined
      })
    return this.#running
  }

  /** No further sweep starts. */
  cancel(): void {
    this.#stopped = true
    this.#stop?.abort()
    clearTimeout(this.#timer)
    this.#cancelTurn?.()
    if (this.#first !== undefined) clearImmediate(this.#first)
  }

  /** As cancel(), and waits until a running sweep has come to a clean stop. */
  async stop(): Promise<void> {
    this.cancel()
    await this.#running
  }

  // A fifth of jitter, so that the processes of one host do not sweep in step.
  #plan(): void {
    if (this.#everyMs === undefined) return
    const delay = Math.min(this.#everyMs * (0.9 + Math.random() * 0.2), LONGEST_TIMER_MS)
    this.#timer = setTimeout(() => {
      void this.now().then(() => {
        if (!this.#stopped) this.#plan()
      })
    }, delay)
    this.#timer.unref()
  }
}
