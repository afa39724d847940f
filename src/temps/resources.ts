// The open streams, handles and running writes of one entry. Guarantee: its session knows each while it is open, all are
// closed before the entry is removed, and a partly written entry is never moved.

import type { Readable, Writable } from 'node:stream'
import { TempFileError } from '../errors.ts'
import type { Resource, Session } from '../session/session.ts'

/** An open stream, handle or write, and whether it may still write. */
export interface OpenResource extends Resource {
  readonly writes: boolean
  /** Resolves when it is open or has failed; undefined when it is. */
  opening?(): Promise<void> | undefined
}

export class Resources {
  readonly #session: Session
  readonly #open = new Set<OpenResource>()

  constructor(session: Session) {
    this.#session = session
  }

  /** Registers one; call the result when it has closed. */
  add(resource: OpenResource): () => void {
    this.#open.add(resource)
    this.#session.resources.add(resource)
    return () => {
      this.#open.delete(resource)
      this.#session.resources.delete(resource)
    }
  }

  /** @throws ERR_TEMP_IO while something may still write */
  refuseWriters(doing: string): void {
    for (const resource of this.#open) {
      if (!resource.writes) continue
      throw new TempFileError(
        'ERR_TEMP_IO',
        `Cannot ${doing} it: a write stream or a file handle of it is still open. Wait for the stream's 'close' (await pipeline(...) does) or close the handle first.`,
      )
    }
  }

  /** Waits until nothing is being opened. */
  async opened(): Promise<void> {
    for (;;) {
      const opening = [...this.#open]
        .map((resource) => resource.opening?.())
        .filter((each) => each !== undefined)
      if (opening.length === 0) return
      await Promise.all(opening)
    }
  }

  /** Closes what is being opened. */
  closeOpening(): void {
    for (const resource of this.#open) if (resource.opening?.() !== undefined) void resource.close()
  }

  async close(): Promise<void> {
    if (this.#open.size > 0) await Promise.all([...this.#open].map((resource) => resource.close()))
  }
}

/** A stream as a resource, closed when its descriptor is. */
export function streamResource(stream: Readable | Writable, writes: boolean): OpenResource {
  const closed = new Promise<void>((resolve) => stream.once('close', resolve))
  return {
    writes,
    opening: () => {
      // The types of streams of any file system do not have `pending`, which those of node:fs have.
      if ((stream as { readonly pending?: unknown }).pending !== true || stream.destroyed) return undefined
      return new Promise((resolve) => stream.once('open', resolve).once('close', resolve))
    },
    close: () => {
      stream.once('error', () => {}) // destroyed on purpose: its user must not get an uncaught error
      stream.destroy()
      return closed
    },
  }
}
