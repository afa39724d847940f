// Counts a file's bytes as they come, and reports progress. Guarantee: the first byte over a limit is refused before it
// is written.

import { TempFileError } from '../errors.ts'
import { type ProgressReport, progressOf } from './progress.ts'
import { type PreparedReceive, tooLarge, tooSmall } from './receive-options.ts'

/** Counts the bytes of one receive against its limits. */
export class Meter {
  #bytes = 0
  readonly #prepared: PreparedReceive
  readonly #limit: number
  readonly #limitOption: string
  readonly #total: number | undefined
  readonly #progress: ProgressReport | undefined

  /** `fileBytes`: the manager's limit; `size`: what the source knows about itself. @throws ERR_TEMP_TOO_LARGE, ERR_TEMP_TRUNCATED */
  constructor(prepared: PreparedReceive, fileBytes: number, size: number | undefined) {
    this.#prepared = prepared
    this.#limit = Math.min(prepared.maxBytes, fileBytes)
    this.#limitOption = fileBytes < prepared.maxBytes ? 'limits.fileBytes' : prepared.maxBytesOption
    this.#total = prepared.expectedBytes ?? size
    this.#progress = progressOf(prepared.onProgress, this.#total)
    if (this.#total !== undefined && this.#total > this.#limit) throw this.#tooLarge()
  }

  get bytes(): number {
    return this.#bytes
  }

  /** All the bytes to come, when that is known. */
  get total(): number | undefined {
    return this.#total
  }

  /** Counts one chunk. @throws ERR_TEMP_TOO_LARGE, and any error of `onProgress` */
  count(length: number): void {
    const bytes = this.#bytes + length
    if (bytes > this.#limit) throw this.#tooLarge()
    const { expectedBytes } = this.#prepared
    if (expectedBytes !== undefined && bytes > expectedBytes) throw longerThan(expectedBytes)
    this.#bytes = bytes
    this.#progress?.at(bytes)
  }

  /** Checks that everything announced has come. @throws ERR_TEMP_TRUNCATED */
  checkWhole(): void {
    const { expectedBytes } = this.#prepared
    if (expectedBytes === undefined || this.#bytes >= expectedBytes) return
    throw new TempFileError(
      'ERR_TEMP_TRUNCATED',
      `The file ended after ${this.#bytes} of the ${expectedBytes} bytes announced. Send it again.`,
      { details: { bytes: this.#bytes, expected: expectedBytes } },
    )
  }

  /** Checks that the file is not too small. @throws ERR_TEMP_TOO_SMALL */
  checkMinimum(): void {
    const { minBytes } = this.#prepared
    if (this.#bytes < minBytes) throw tooSmall(this.#bytes, minBytes)
  }

  #tooLarge(): TempFileError {
    return tooLarge(this.#limit, this.#limitOption)
  }

  /** The last call of `onProgress`. @throws any error of it */
  async finish(): Promise<void> {
    await this.#progress?.end(this.#bytes)
  }
}

function longerThan(expected: number): TempFileError {
  return new TempFileError('ERR_TEMP_TOO_LARGE', `The file is longer than the ${expected} bytes announced.`, {
    details: { limit: expected, option: 'expectedBytes' },
  })
}
