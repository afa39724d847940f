// Modules that are loaded when first needed, by code that cannot wait. Guarantee: importing the package pays for none
// of them (of its 13 ms `debug` took 5, node:net 1.6, node:crypto 1 and node:worker_threads 0.5), and the first
// session wants them anyway.

import type createDebug from 'debug'

export function crypto(): typeof import('node:crypto') {
  return process.getBuiltinModule('node:crypto')
}

export function threads(): typeof import('node:worker_threads') {
  return process.getBuiltinModule('node:worker_threads')
}

export function net(): typeof import('node:net') {
  return process.getBuiltinModule('node:net')
}

export function timers(): typeof import('node:timers/promises') {
  return process.getBuiltinModule('node:timers/promises')
}

/** With it come the 20 modules of node:stream, which took a quarter of the time of loading the package. */
export function streams(): typeof import('node:stream/promises') {
  return process.getBuiltinModule('node:stream/promises')
}

let loaded: typeof createDebug | undefined
let asked = false

/** Undefined where it cannot be had at once: a bundle has no packages beside it, and brings its own a moment later. */
export function debug(): typeof createDebug | undefined {
  if (asked) return loaded
  asked = true
  try {
    // Not imported by name: the banner that ESM bundles bring for their CommonJS packages declares `createRequire`.
    loaded = process.getBuiltinModule('node:module').createRequire(import.meta.url)('debug')
  } catch {
    import('debug').then(
      (module) => {
        loaded = module.default
      },
      () => {}, // it was left out: then nothing is logged
    )
  }
  return loaded
}
