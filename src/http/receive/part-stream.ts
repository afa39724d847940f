// The content of one file part, as a stream for `owner.receive`. Guarantee: `offer` waits while the reader is behind, by
// bytes or by chunks; it never waits for a reader that has given up.

import { Readable } from 'node:stream'

/** The destination of one part's content. After a promise nothing more is written until it settles. */
export interface PartSink {
  write(bytes: Uint8Array): Promise<void> | undefined
  end(): Promise<void> | undefined
}

/** Buffered while the file is being opened or the disk is busy. */
const BUFFER_BYTES = 256 * 1024
/** A chunk costs 200 bytes beside its own: on a disk that was busy a form in chunks of one byte added 600 MB to the heap. */
const BUFFER_CHUNKS = 1024

export class PartStream extends Readable {
  #wake: (() => void) | undefined
  /** Chunks in the buffer; counted down only when it is empty. */
  #chunks = 0

  constructor() {
    super({ highWaterMark: BUFFER_BYTES })
  }

  /** Adds bytes; a promise means: no more until it resolves. */
  offer(bytes: Uint8Array): Promise<void> | undefined {
    if (this.destroyed) return undefined
    const hasRoom = this.push(bytes)
    this.#chunks = this.readableLength === 0 ? 0 : this.#chunks + 1
    if (hasRoom && this.#chunks < BUFFER_CHUNKS) return undefined
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  /** The part is complete. */
  finish(): void {
    if (!this.destroyed) this.push(null)
  }

  /** Every reader takes its chunks from here. */
  override read(size?: number): unknown {
    const chunk: unknown = super.read(size)
    if (this.readableLength === 0 && this.#chunks > 0) {
      this.#chunks = 0
      this.#resume()
    }
    return chunk
  }

  /** Called also when nothing was read, as long as the buffer has room for bytes. */
  override _read(): void {
    if (this.#chunks < BUFFER_CHUNKS) this.#resume()
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
