// The worker threads. Guarantee: never more than the machine has use for, none at all after a quiet spell, and
// its figures can be read at any time.

import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Piscina } from 'piscina'
import { type Refused, received } from './across-threads.ts'
import type { ClipDone } from './make-result.ts'
import type { ClipProgress, ClipTask } from './process-clip.ts'

export interface PoolFigures {
  readonly threads: number
  readonly idle: number
  readonly minThreads: number
  readonly maxThreads: number
  readonly queued: number
  readonly maxQueue: number
  readonly completed: number
}

export class WorkerPool {
  readonly #piscina: Piscina<ClipTask, ClipDone | Refused>
  /** One for every thread that is not over; the pool itself forgets a thread when it begins to end it. */
  readonly #ends = new Set<Promise<void>>()

  constructor(listen: { progress(progress: ClipProgress): void; threadEnded(): void }) {
    this.#piscina = new Piscina<ClipTask, ClipDone | Refused>({
      filename: fileURLToPath(new URL('process-clip.ts', import.meta.url)),
      minThreads: 0,
      maxThreads: Math.max(2, Math.min(4, availableParallelism() - 1)),
      idleTimeout: Number(process.env['CLIP_IDLE_MS'] ?? 5_000),
      maxQueue: 1_000,
      // A thread that waits with Atomics.wait runs no timer: its session could not look after itself.
      atomics: 'disabled',
    })
    this.#piscina.on('message', listen.progress)
    this.#piscina.on('workerCreate', ({ id }: { id: number }) => {
      const thread = this.#piscina.threads.find((candidate) => candidate.threadId === id)
      if (thread === undefined) return
      const ended = new Promise<void>((resolve) => thread.once('exit', () => resolve())).then(() => {
        this.#ends.delete(ended)
        listen.threadEnded()
      })
      this.#ends.add(ended)
    })
  }

  async run(task: ClipTask): Promise<ClipDone> {
    return received(await this.#piscina.run(task))
  }

  figures(): PoolFigures {
    const { threads, idleThreads, minThreads, maxThreads, queueSize, completed, options } = this.#piscina
    return {
      threads: threads.length,
      idle: idleThreads,
      minThreads,
      maxThreads,
      queued: queueSize,
      maxQueue: options.maxQueue,
      completed,
    }
  }

  /** Lets running tasks end; queued ones are refused and stay handed off for the next start. */
  async close(): Promise<void> {
    await this.#piscina.close({ force: true })
    await Promise.all(this.#ends)
  }
}
