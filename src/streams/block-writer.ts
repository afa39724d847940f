// Gathers chunks into large blocks and writes each with one call, reading on into a second block meanwhile.
// Guarantee: chunks are copied before `write` returns or its promise settles; after `settle` no write runs; after a failed
// write nothing more is written, so what a file has is a beginning of what came.

import type { FileSystem } from '../disk/file-system.ts'
import { ioError, TempFileError } from '../errors.ts'
import { LARGE_BLOCK, lendBlock, returnBlock, SMALL_BLOCK } from './blocks.ts'

// Chunks are copied into blocks; chunks that were kept and given to one writev(2) a MiB were as fast as blocks of 1 MiB
// within the noise. A source may reuse its chunk, a million chunks of one byte cost one block and not a million objects, and
// what is hashed and written is one piece. The size of a block: blocks.ts.

/** The means that a writer is given. */
export interface BlockTarget {
  readonly fs: FileSystem
  readonly fd: number
  /** The position of the first byte in the file; null: the descriptor's own. */
  readonly position: number | null
  /** Called before each block is written; it may refuse by throwing, or ask to wait. */
  beforeBlock(block: Uint8Array): Promise<void> | undefined
  /** Called while a block is being written: work on its bytes then costs no time of its own. */
  duringBlock(block: Uint8Array): void
  /** Called at once when a write in the background fails. */
  onError(error: unknown): void
}

/** Writes chunks of any size as few large blocks. */
export class BlockWriter {
  readonly #target: BlockTarget
  #position: number | null
  #block: Buffer | undefined
  #used = 0
  #inFlight: Promise<void> | undefined
  #spare: Buffer | undefined
  #failure: { readonly error: unknown } | undefined
  #settled = false

  constructor(target: BlockTarget) {
    this.#target = target
    this.#position = target.position
  }

  /** Takes one chunk; a promise means that it waits for the disk. @throws (rejects) what an earlier write failed with */
  write(chunk: Uint8Array): Promise<void> | undefined {
    const { length } = chunk
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error)
    if (this.#settled) return undefined
    if (this.#block !== undefined && length < this.#block.length - this.#used) {
      this.#block.set(chunk, this.#used)
      this.#used += length
      return undefined
    }
    if (length >= LARGE_BLOCK) return this.#waitAndFill(chunk, 0)
    const taken = this.#fill(chunk, 0)
    return taken === length ? undefined : this.#waitAndFill(chunk, taken)
  }

  /** Writes what is gathered and waits for the disk. @throws (rejects) what a write failed with, also an earlier one */
  async flush(): Promise<void> {
    await this.#inFlight
    if (this.#failure !== undefined) throw this.#failure.error
    if (this.#block === undefined || this.#used === 0) return
    const block = this.#block.subarray(0, this.#used)
    this.#used = 0
    await this.#begin(block)
  }

  /** Accepts no more, waits until the running write has ended or failed, and gives the blocks back. */
  async settle(): Promise<void> {
    this.#settled = true
    while (this.#inFlight !== undefined) await this.#inFlight.catch(() => {})
    if (this.#block !== undefined) returnBlock(this.#block)
    if (this.#spare !== undefined) returnBlock(this.#spare)
    this.#block = undefined
    this.#spare = undefined
    this.#used = 0
  }

  get #isOver(): boolean {
    return this.#settled || this.#failure !== undefined
  }

  /** Copies what fits without waiting, starting writes as blocks get full; returns how far it came. */
  #fill(chunk: Uint8Array, from: number): number {
    for (let taken = from; ; ) {
      const block = this.#blockWithRoom(taken === chunk.length)
      if (block === undefined || taken === chunk.length) return taken
      const count = Math.min(block.length - this.#used, chunk.length - taken)
      block.set(count === chunk.length ? chunk : chunk.subarray(taken, taken + count), this.#used)
      this.#used += count
      taken += count
    }
  }

  /** Undefined while the disk is behind, and for a full small block if `done`: it may be the whole file. */
  #blockWithRoom(done: boolean): Buffer | undefined {
    this.#block ??= lendBlock(false)
    if (this.#used < this.#block.length) return this.#block
    if (this.#block.length === SMALL_BLOCK) {
      if (done) return undefined
      this.#block = this.#grow(this.#block)
      if (this.#used < this.#block.length) return this.#block
    }
    if (this.#inFlight !== undefined) return undefined
    this.#start(this.#block)
    return this.#block
  }

  async #waitAndFill(chunk: Uint8Array, from: number): Promise<void> {
    let taken = from
    while (taken < chunk.length) {
      await this.#inFlight
      if (this.#isOver) return
      if (this.#used === 0 && chunk.length - taken >= LARGE_BLOCK) {
        await this.#begin(chunk.subarray(taken, taken + LARGE_BLOCK)) // no copy: its owner waits for us
        taken += LARGE_BLOCK
      } else taken = this.#fill(chunk, taken)
    }
  }

  /** Exchanges a full small block for a large one, if the budget grants it. */
  #grow(small: Buffer): Buffer {
    const block = lendBlock(true)
    if (block.length > small.length) {
      block.set(small)
      returnBlock(small)
      return block
    }
    returnBlock(block)
    return small
  }

  /** Writes a full block in the background and continues in the other block. */
  #start(block: Buffer): void {
    const spare = this.#spare
    this.#spare = undefined
    this.#used = 0
    this.#block = spare ?? lendBlock(true)
    this.#begin(block).then(
      () => this.#reuse(block),
      (error: unknown) => {
        this.#reuse(block)
        this.#target.onError(error)
      },
    )
  }

  #reuse(block: Buffer): void {
    if (this.#spare === undefined && !this.#settled) this.#spare = block
    else returnBlock(block)
  }

  /** Starts the one write that may run, and remembers it until it is over. */
  #begin(block: Uint8Array): Promise<void> {
    const write = this.#put(block)
      .catch((error: unknown) => {
        this.#failure = { error }
        throw error
      })
      .finally(() => {
        this.#inFlight = undefined
      })
    this.#inFlight = write
    return write
  }

  /** One block onto the disk, in as many calls as the system wants. */
  async #put(block: Uint8Array): Promise<void> {
    const wait = this.#target.beforeBlock(block)
    if (wait !== undefined) await wait
    for (let offset = 0; offset < block.length; ) {
      const call = this.#call(block, offset)
      if (offset === 0) this.#target.duringBlock(block)
      const count = await call
      if (count === 0)
        throw new TempFileError('ERR_TEMP_IO', 'Could not write the file: the system wrote nothing.')
      offset += count
      if (this.#position !== null) this.#position += count
    }
  }

  #call(block: Uint8Array, offset: number): Promise<number> {
    const { fs, fd } = this.#target
    return new Promise((resolve, reject) => {
      fs.write(fd, block, offset, block.length - offset, this.#position, (error, count) => {
        if (error) reject(ioError(error, 'write the file'))
        else resolve(count ?? 0)
      })
    })
  }
}
