// Removes the sessions of worker threads that have ended: terminate(), which pools use, runs no exit listener in the
// thread, so the thread cannot remove its own.
// Guarantee: a session is removed soon after its thread ended, and only after it was judged dead; nothing throws, and
// no timer holds the process open.

import type { Worker } from 'node:worker_threads'
import type { Root } from '../layout.ts'
import { operations } from '../on-demand.ts'
import { mainProcess } from '../runtime/node-internals.ts'
import { log } from '../runtime/observe.ts'

/** Milliseconds before each look: the kernel may list a thread, and keep its lease open, a moment after it was joined. */
const LOOKS_AFTER_MS = [5, 50, 500] as const

/** Calls `notify` each time that a worker thread ends which this thread has started since. Returns how to stop that. */
type Observe = (notify: () => void) => () => void

// The key carries the protocol's version: copies of the package that agree on {@link Observe} share one listener, also those
// of Jest's test files, whose only common object is the process. Node warns at the eleventh listener, of a Worker's too.
const KEY = Symbol.for('temp-file-manager.threads.v1')

function createObserve(emitter: NodeJS.Process): Observe {
  const observers = new Set<() => void>()
  const onWorker = (worker: Worker): void => {
    worker.once('exit', () => {
      for (const notify of observers) notify()
    })
  }
  return (notify) => {
    if (observers.size === 0) emitter.on('worker', onWorker)
    observers.add(notify)
    return () => {
      if (observers.delete(notify) && observers.size === 0) emitter.off('worker', onWorker)
    }
  }
}

function observeThreads(notify: () => void): () => void {
  const emitter = mainProcess() as NodeJS.Process & { [KEY]?: Observe } // this package's slot on the process
  emitter[KEY] ??= createObserve(emitter)
  return emitter[KEY](notify)
}

export class EndedThreads {
  readonly #root: Root
  #unobserve: (() => void) | undefined
  #delays: number[] = []
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #stopped = false

  constructor(root: Root) {
    this.#root = root
  }

  /** Observes the threads that are started from now on. Idempotent. */
  start(): void {
    if (!this.#stopped) this.#unobserve ??= observeThreads(() => this.#noticed())
  }

  cancel(): void {
    this.#stopped = true
    this.#unobserve?.()
    clearTimeout(this.#timer)
  }

  /** As {@link cancel}, and waits for a removal that runs. */
  async stop(): Promise<void> {
    this.cancel()
    await this.#running
  }

  #noticed(): void {
    this.#delays = [...LOOKS_AFTER_MS]
    if (this.#running === undefined) this.#plan()
  }

  #plan(): void {
    clearTimeout(this.#timer)
    const delay = this.#delays.shift()
    if (delay === undefined || this.#stopped) return
    this.#timer = setTimeout(() => {
      this.#running = operations()
        .then(({ removeEnded }) => removeEnded(this.#root))
        .catch((error: unknown) => log.sweep('sessions of ended threads were not removed: %s', error))
        .finally(() => {
          this.#running = undefined
          this.#plan()
        })
    }, delay)
    this.#timer.unref()
  }
}
