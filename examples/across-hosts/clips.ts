// The clips that are sent to the receiving host, and the digest that each result must have.

import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'

/** Publishes clips, a few at a time; a request that fails is sent again. */
export class Clips {
  /** By ticket. */
  readonly digests = new Map<string, string>()
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  async publish(count: number, bytes?: number): Promise<void> {
    let left = count
    const sender = async (): Promise<void> => {
      while (left-- > 0) await this.#publishOne(randomBytes(bytes ?? 1000 + Math.floor(Math.random() * 4000)))
    }
    await Promise.all(Array.from({ length: Math.min(8, count) }, sender))
  }

  async #publishOne(body: Buffer): Promise<void> {
    for (;;) {
      const response = await fetch(`${this.#url}/clips`, { method: 'POST', body }).catch(() => undefined)
      if (response?.status === 202) {
        const { job } = (await response.json()) as { job: string } // web.ts answers so
        this.digests.set(job, createHash('sha256').update(body).digest('hex'))
        return
      }
      await wait(200)
    }
  }
}
