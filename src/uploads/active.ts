// The uploads that this process is writing to. Guarantee: a take-over returns only when the writer has given the upload
// back, or when its time is over. Shared by all copies of the package in this thread.

import type { Root } from '../layout.ts'
import { inside } from '../layout.ts'

/** A writer in this process. */
export interface ActiveWriter {
  /** Bytes received so far; not all of them are on the disk. */
  readonly position: number
  /** When the last byte arrived: milliseconds of `performance.now()`. */
  readonly movedAt: number
  /** Asks it to stop: it keeps the bytes received, and gives the upload back. */
  stop(): void
  /** Resolves when the upload has been given back, finished or discarded. */
  readonly ended: Promise<void>
}

const KEY = Symbol.for('temp-file-manager.uploads.v1')

function writers(): Map<string, ActiveWriter> {
  const holder = globalThis as { [KEY]?: Map<string, ActiveWriter> } // one slot of this package on the global object
  holder[KEY] ??= new Map()
  return holder[KEY]
}

/** Registers a writer; the function returned ends that. */
export function registerWriter(
  { layout }: Pick<Root, 'layout'>,
  id: string,
  writer: ActiveWriter,
): () => void {
  const key = inside(layout.uploads, id)
  writers().set(key, writer)
  return () => {
    if (writers().get(key) === writer) writers().delete(key)
  }
}

export function activeWriter({ layout }: Pick<Root, 'layout'>, id: string): ActiveWriter | undefined {
  return writers().get(inside(layout.uploads, id))
}
