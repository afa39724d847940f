// The rules on the first 4 KB of an upload that may arrive byte by byte. Guarantee: a refused type is refused as soon as its
// first 4 KB are there, and of a head that arrives in one piece not a byte reaches the disk.

import type { FileSystem } from '../disk/file-system.ts'
import { checkHead, HEAD_BYTES } from '../file-types/check-type.ts'
import type { UploadHold } from './hold.ts'
import type { PreparedUploadRules } from './rules.ts'

export class EarlyHead {
  /** True when the head was accepted, and chunks can be written directly. */
  judged = false
  readonly #hold: UploadHold
  readonly #rules: PreparedUploadRules
  readonly #before: Uint8Array
  #chunks: Uint8Array[] = []
  #length = 0

  private constructor(hold: UploadHold, rules: PreparedUploadRules, before: Uint8Array) {
    this.#hold = hold
    this.#rules = rules
    this.#before = before
  }

  /** Undefined when there is nothing to judge, or it was judged before. */
  static async open(hold: UploadHold, rules: PreparedUploadRules): Promise<EarlyHead | undefined> {
    if (rules.file?.types === undefined || hold.position >= HEAD_BYTES) return undefined
    return new EarlyHead(hold, rules, await readHead(hold.session.context.fs, hold.path, hold.position))
  }

  /** Takes a chunk; returns the bytes to write once there is a whole head. @throws (rejects) ERR_TEMP_TYPE_REJECTED */
  async take(chunk: Uint8Array): Promise<Uint8Array | undefined> {
    this.#chunks.push(Uint8Array.prototype.slice.call(chunk)) // its owner may use it again
    this.#length += chunk.length
    if (this.#before.length + this.#length < HEAD_BYTES) return undefined
    const bytes = Buffer.concat(this.#chunks)
    if (this.#rules.file !== undefined)
      await checkHead(this.#rules.file, declaredOf(this.#hold), Buffer.concat([this.#before, bytes]))
    this.judged = true
    this.#chunks = []
    return bytes
  }

  /** The bytes that are held back if the source has ended before there was a whole head. */
  release(): Uint8Array | undefined {
    if (this.judged || this.#length === 0) return undefined
    this.judged = true
    return Buffer.concat(this.#chunks)
  }
}

/** The client's declaration of the file. */
export function declaredOf({ record }: UploadHold): { name: string | undefined; type: string | undefined } {
  return { name: record.originalName, type: record.type }
}

/** The first bytes of a file, at most {@link HEAD_BYTES}. */
export async function readHead(fs: FileSystem, path: string, size: number): Promise<Uint8Array> {
  if (size === 0) return new Uint8Array()
  const chunks: Uint8Array[] = []
  const stream = fs.createReadStream(path, { end: Math.min(size, HEAD_BYTES) - 1 })
  for await (const chunk of stream) chunks.push(chunk as Uint8Array) // no encoding is set: the chunks are bytes
  return Buffer.concat(chunks)
}
