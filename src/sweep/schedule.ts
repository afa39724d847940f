// When sweeps run by themselves: once at the manager's first use, then every so often. Promise: the timers
// hold no process open, never throw, and stop() leaves neither a timer nor a running sweep behind.

import { log } from '../runtime/observe.ts'

export class Schedule {
  readonly #run: (signal: AbortSignal) => Promise<void>
  readonly #everyMs: number | undefined
  readonly #onStart: boolean
  readonly #stop = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #first: NodeJS.Immediate | undefined
  #running: Promise<void> | undefined
  #started = false

  constructor(run: (signal: AbortSignal) => Promise<void>, onStart: boolean, everyMs: number | undefined) {
    this.#run = run
    this.#onStart = onStart
    this.#everyMs = everyMs
  }

  /** Begins; calls after the first do nothing. */
  start(): void {
    if (this.#started) return
    this.#started = true
    if (this.#onStart) this.soon()
    this.#plan()
  }

  /**
   * Runs a sweep as soon as the loop turns: at the start, and after the disk was found full. One that runs already
   * has read its list, so another follows it.
   */
  soon(): void {
    if (this.#first !== undefined || this.#stop.signal.aborted) return
    this.#first = setImmediate(() => {
      this.#first = undefined
      void (this.#running ?? Promise.resolve()).then(() => this.now())
    })
    this.#first.unref()
  }

  /** Runs a sweep now, or joins the one that runs. Never rejects. */
  now(): Promise<void> {
    if (this.#stop.signal.aborted) return Promise.resolve()
    this.#running ??= this.#run(this.#stop.signal)
      .catch((error: unknown) =>
        log.sweep('a sweep failed: %s', error instanceof Error ? error.message : error),
      )
      .finally(() => {
        this.#running = undefined
      })
    return this.#running
  }

  /** No further sweep begins. */
  cancel(): void {
    this.#stop.abort()
    clearTimeout(this.#timer)
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
    const delay = Math.min(this.#everyMs * (0.9 + Math.random() * 0.2), 2 ** 31 - 1)
    this.#timer = setTimeout(() => {
      void this.now().then(() => {
        if (!this.#stop.signal.aborted) this.#plan()
      })
    }, delay)
    this.#timer.unref()
  }
}
