// A host with one worker process, which can be killed and started again.

import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { end, type Host } from './network.ts'
import type { CutOrder, Step, WorkerReport } from './shared.ts'

export class WorkerHost {
  readonly host: Host
  starts = 0
  #process: ChildProcess | undefined

  constructor(host: Host) {
    this.host = host
  }

  async start(): Promise<void> {
    this.starts += 1
    this.#process = (
      await this.host.start('worker', { CONCURRENCY: process.env['CONCURRENCY'] ?? '2' })
    ).process
  }

  async kill(): Promise<void> {
    if (this.#process !== undefined) await end(this.#process, 'SIGKILL')
  }

  /** Resolves when the worker begins `step`, in which it waits for goOn() (except in a download). */
  async begins(step: Step): Promise<WorkerHost> {
    const child = this.#process
    return await new Promise((resolve) => {
      const listen = (report: WorkerReport): void => {
        if (report.begins !== step) return
        child?.off('message', listen)
        resolve(this)
      }
      child?.on('message', listen)
      child?.send({ cutIn: step } satisfies CutOrder)
    })
  }

  /** Goes on with the step, or does not wait in it any more. */
  goOn(): void {
    this.#process?.removeAllListeners('message')
    this.#process?.send({ cutIn: undefined } satisfies CutOrder)
  }

  /** Resolves when the worker holds another claim: the next trouble meets it in the middle of its work. */
  async claims(): Promise<void> {
    if (this.#process !== undefined) await Promise.race([once(this.#process, 'message'), wait(2000)])
  }
}
