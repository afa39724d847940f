// Loads operations.ts. Guarantee: a program that creates and removes files and ends with its synchronous code never compiles
// it (two fifths of the package); one that continues loads it before it needs it; a load that failed is tried again.

import { ioError } from './errors.ts'
import { onDemand } from './runtime/load-on-demand.ts'

type Operations = typeof import('./operations.ts')

const DESCRIPTORS = 8 // more than the files of the operations
const load = onDemand(() => import('./operations.ts'), DESCRIPTORS)
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
  return load().catch((error: unknown) => {
    throw ioError(error, 'load the code of this operation')
  })
}

/** Resolves after the calls that wait for the load have continued, or failed. */
export async function whenLoaded(): Promise<void> {
  if (waiting === 0) return
  await loadOperations().catch(() => {}) // the calls report it
  await new Promise((resolve) => setImmediate(resolve))
}
