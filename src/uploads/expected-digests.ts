// The digests that were sent with the bytes of one append. Guarantee: of bytes with another digest none is kept.

import { createHash, type Hash } from 'node:crypto'
import type { Digest } from '../claimable/upload-record.ts'
import type { TempFileError } from '../errors.ts'
import { digestMismatch } from './upload-errors.ts'

export class ExpectedDigests {
  readonly #digests: readonly { readonly expected: Digest; readonly hash: Hash }[]

  constructor(digests: readonly Digest[]) {
    this.#digests = digests.map((expected) => ({ expected, hash: createHash(expected.algorithm) }))
  }

  get any(): boolean {
    return this.#digests.length > 0
  }

  update(bytes: Uint8Array): void {
    for (const { hash } of this.#digests) hash.update(bytes)
  }

  /** The error of the first digest that differs. To be called once, after the last byte. */
  mismatch(): TempFileError | undefined {
    const wrong = this.#digests.find(({ expected, hash }) => hash.digest('hex') !== expected.value)
    return wrong === undefined ? undefined : digestMismatch(wrong.expected.algorithm, 'these bytes')
  }
}
