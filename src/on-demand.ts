// Loads operations.ts. Guarantee: a program that creates and removes files and ends with its synchronous code never compiles
// it (two fifths of the package); one that continues loads it before it needs it.

type Operations = typeof import('./operations.ts')

let loading: Promise<Operations> | undefined

/**
 * The operations beyond creating and removing. The first call loads them; rejects with the error of the load.
 * Node remembers an ES module that could not be read (EMFILE) for ever, so {@link Lifecycle} loads them while the
 * program starts.
 */
export function operations(): Promise<Operations> {
  loading ??= import('./operations.ts').catch((error: unknown) => {
    loading = undefined // CommonJS tries again
    throw error
  })
  return loading
}
