// Loads operations.ts. Guarantee: a program that creates and removes files and ends with its synchronous code never compiles
// it (two fifths of the package); one that continues loads it before it needs it; a load that failed is tried again.

import { closeSync, openSync } from 'node:fs'
import { devNull } from 'node:os'
import { errnoOf, ioError } from './errors.ts'

type Operations = typeof import('./operations.ts')

let loading: Promise<Operations> | undefined
let waiting = 0 // calls that wait for the load

/** The operations beyond creating and removing. The first call loads them. @throws ERR_TEMP_IO */
export async function operations(): Promise<Operations> {
  waiting++
  try {
    return await loadOperations()
  } finally {
    waiting--
  }
}

/** As {@link operations}, but {@link whenLoaded} does not wait for it. */
export function loadOperations(): Promise<Operations> {
  loading ??= load().catch((error: unknown) => {
    loading = undefined
    throw ioError(error, 'load the code of this operation')
  })
  return loading
}

/** Resolves after the calls that wait for the load have continued, or failed. */
export async function whenLoaded(): Promise<void> {
  if (waiting === 0) return
  await loadOperations().catch(() => {}) // the calls report it
  await new Promise((resolve) => setImmediate(resolve))
}

const load = async (): Promise<Operations> => {
  requireDescriptors()
  return await import('./operations.ts')
}

const DESCRIPTORS = 8 // more than the files of the operations

/**
 * Node 20 remembers an ES module that could not be read for ever, so the import begins only where its files can be
 * opened. Throws EMFILE or ENFILE.
 */
function requireDescriptors(): void {
  const opened: number[] = []
  try {
    while (opened.length < DESCRIPTORS) opened.push(openSync(devNull, 'r'))
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'EMFILE' || errno === 'ENFILE') throw error
  } finally {
    for (const fd of opened) closeSync(fd)
  }
}
