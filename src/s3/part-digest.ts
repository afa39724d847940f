// The digest of a file that travels in parts: SHA-256 over the SHA-256 of each part. Guarantee: a part is hashed once,
// for the store, for the record and for the reader, and parts can be sent in any order.

import type { Hash } from 'node:crypto'
import { crypto } from '../runtime/lazy.ts'

/** The digest of parts that are hashed already, in their order; hex. */
export function digestOfParts(parts: readonly Uint8Array[]): string {
  const whole = sha256()
  for (const part of parts) whole.update(part)
  return whole.digest('hex')
}

/** The same, of bytes that come in chunks of any size. An empty file is one empty part. */
export class PartDigest {
  readonly #partBytes: number
  readonly #whole = sha256()
  #part = sha256()
  #left: number

  constructor(partBytes: number) {
    this.#partBytes = partBytes
    this.#left = partBytes
  }

  update(chunk: Uint8Array): void {
    let rest = chunk
    while (rest.length > 0) {
      if (this.#left === 0) this.#endPart() // only when another byte follows: no empty last part
      const taken = rest.subarray(0, this.#left)
      this.#part.update(taken)
      this.#left -= taken.length
      rest = rest.subarray(taken.length)
    }
  }

  digest(): string {
    this.#whole.update(this.#part.digest())
    return this.#whole.digest('hex')
  }

  #endPart(): void {
    this.#whole.update(this.#part.digest())
    this.#part = sha256()
    this.#left = this.#partBytes
  }
}

function sha256(): Hash {
  return crypto().createHash('sha256')
}
