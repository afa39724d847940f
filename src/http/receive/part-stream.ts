// The content of one file part, as a stream for `owner.receive`. Guarantee: `offer` waits exactly while the reader is
// behind; it never waits for a reader that has given up.

import { Readable } from 'node:stream'

/** Where the content of one part goes; a promise means: no more until it settles. */
export interface PartSink {
  write(bytes: Uint8Array): Promise<void> | undefined
  end(): Promise<void> | undefined
}

/** Buffered while the file is being opened or the disk is busy. */
const BUFFER_BYTES = 256 * 1024

export class PartStream extends Readable {
  #wake: (() => void) | undefined

  constructor() {
    super({ highWaterMark: BUFFER_BYTES })
  }

  /** Adds bytes; a promise means: no more until it resolves. */
  offer(bytes: Uint8Array): Promise<void> | undefined {
    if (this.destroyed || this.push(bytes)) return undefined
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  /** The part is complete. */
  finish(): void {
    if (!this.destroyed) this.push(null)
  }

  override _read(): void {
    this.#resume()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#resume()
    callback(error)
  }

  #resume(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }
}
