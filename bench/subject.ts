// The subject of all measurements: the built package, as users get it. Guarantee: dist/ (or BENCH_DIST), never the sources.

import { pathToFileURL } from 'node:url'

const DIST = process.env['BENCH_DIST'] ?? new URL('../dist', import.meta.url).pathname

/** Path of one of the package's built entries, such as 'index.js' or 'http/index.cjs'. */
export function built(entry: string): string {
  return `${DIST}/${entry}`
}

// A build has the types of its sources; importing them by name would need a build before every type check.
export const { TempFileManager } = (await import(
  pathToFileURL(built('index.js')).href
)) as typeof import('../src/index.ts')
export type { TempFile, TempFileManager as Manager } from '../src/index.ts'
