// Digests of a whole upload, over requests and restarts. Guarantee: bytes that were hashed while they arrived are not read
// again in this process; after a restart finish() reads the file once (about 1.5 s a GiB for sha256).

import { createHash, type Hash } from 'node:crypto'
import type { FileSystem } from '../disk/file-system.ts'

/** The digests of an upload's first `offset` bytes. */
export class RunningDigest {
  readonly algorithms: readonly string[]
  #hashes: Map<string, Hash>
  #offset = 0

  constructor(algorithms: readonly string[]) {
    this.algorithms = [...new Set(algorithms)]
    this.#hashes = newHashes(this.algorithms)
  }

  get offset(): number {
    return this.#offset
  }

  update(bytes: Uint8Array): void {
    for (const hash of this.#hashes.values()) hash.update(bytes)
    this.#offset += bytes.length
  }

  /** Starts again from the first byte. */
  reset(): void {
    this.#hashes = newHashes(this.algorithms)
    this.#offset = 0
  }

  /** Reads what was not hashed on arrival, up to `end`; then the digests in lower-case hex. */
  async finish(fs: FileSystem, path: string, end: number): Promise<Record<string, string>> {
    if (this.algorithms.length === 0) return {}
    if (this.#offset > end) this.reset()
    if (this.#offset < end) {
      const stream = fs.createReadStream(path, {
        start: this.#offset,
        end: end - 1,
        highWaterMark: 1024 * 1024,
      })
      for await (const chunk of stream) this.update(chunk as Uint8Array) // no encoding is set: the chunks are bytes
    }
    const digests: Record<string, string> = {}
    for (const [algorithm, hash] of this.#hashes) digests[algorithm] = hash.copy().digest('hex')
    return digests
  }
}

function newHashes(algorithms: readonly string[]): Map<string, Hash> {
  return new Map(algorithms.map((algorithm) => [algorithm, createHash(algorithm)]))
}

/** Uploads whose hashing may be continued in this process; the oldest are forgotten, and read again at their end. */
const MOST_KEPT = 256
const kept = new Map<string, RunningDigest>()

export function keepDigest(key: string, digest: RunningDigest): void {
  kept.delete(key)
  kept.set(key, digest)
  const [oldest] = kept.keys()
  if (kept.size > MOST_KEPT && oldest !== undefined) kept.delete(oldest)
}

/** The digest to continue, if it was kept at exactly this offset; otherwise one that starts at the first byte. */
export function takeDigest(key: string, offset: number, algorithms: readonly string[]): RunningDigest {
  const found = kept.get(key)
  kept.delete(key)
  return found?.offset === offset ? found : new RunningDigest(algorithms)
}
