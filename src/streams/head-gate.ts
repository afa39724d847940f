// Holds back a file's first bytes until their signature is checked. Guarantee: no byte of a file of a refused type
// reaches the disk, and nothing more of it is read.

import { checkHead, HEAD_BYTES } from '../file-types/check-type.ts'
import type { BlockWriter } from './block-writer.ts'
import type { PreparedReceive } from './receive-options.ts'

/** Sits between a source and its writer until the head of the file is accepted. */
export class HeadGate {
  /** True when chunks may go to the writer directly. */
  open: boolean
  /** The type found, once open; undefined when none was looked for or none found. */
  detectedType: string | undefined
  readonly #prepared: PreparedReceive
  readonly #writer: BlockWriter
  #head: Uint8Array[] = []
  #length = 0

  constructor(prepared: PreparedReceive, writer: BlockWriter) {
    this.#prepared = prepared
    this.#writer = writer
    this.open = prepared.rules?.types === undefined
  }

  /** Takes one chunk while the gate is closed. @throws (rejects) ERR_TEMP_TYPE_REJECTED */
  pass(chunk: Uint8Array): Promise<void> | undefined {
    this.#head.push(Uint8Array.prototype.slice.call(chunk)) // its owner may use it again
    this.#length += chunk.length
    return this.#length < HEAD_BYTES ? undefined : this.judge()
  }

  /** Checks the bytes that have arrived, for a file shorter than a head. @throws (rejects) ERR_TEMP_TYPE_REJECTED */
  async judge(): Promise<void> {
    const { rules, declared } = this.#prepared
    const head =
      this.#head.length === 1 && this.#head[0] !== undefined ? this.#head[0] : Buffer.concat(this.#head)
    if (rules !== undefined) this.detectedType = await checkHead(rules, declared, head)
    this.open = true
    this.#head = []
    await this.#writer.write(head)
  }
}
