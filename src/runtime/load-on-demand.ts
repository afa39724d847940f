// Modules that are imported when first needed, by code that can wait. Guarantee: an import that failed because the process
// was out of descriptors is tried again by the next call.

import { closeSync, openSync } from 'node:fs'
import { devNull } from 'node:os'
import { errnoOf } from '../errors.ts'

/** More than Node 20 opens at once for any package (16, for file-type); later versions open one file after another. */
const DESCRIPTORS = 24

/**
 * A function that imports a module once. It rejects with EMFILE or ENFILE, before the import begins, where fewer than
 * `descriptors` files can be opened: Node 20 remembers for ever that a module could not be read.
 */
export function onDemand<M>(
  importing: () => Promise<M>,
  descriptors: number = DESCRIPTORS,
): () => Promise<M> {
  let loading: Promise<M> | undefined
  const load = async (): Promise<M> => {
    requireDescriptors(descriptors)
    return await importing()
  }
  return () => {
    loading ??= load().catch((error: unknown) => {
      loading = undefined
      throw error
    })
    return loading
  }
}

function requireDescriptors(descriptors: number): void {
  const opened: number[] = []
  try {
    while (opened.length < descriptors) opened.push(openSync(devNull, 'r'))
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'EMFILE' || errno === 'ENFILE') throw error
  } finally {
    for (const fd of opened) closeSync(fd)
  }
}
