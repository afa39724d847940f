// npm run bench:memory-uploads: the peak of a process's resident memory while it appends 10 MB and 300 MB to a partial
// upload, next to receive(). Fails when an append is less flat than receive(): when 300 MB need, as a multiple of what 10 MB
// need, over 1.1 times as much.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { program, run } from '../children/start.ts'
import { interval } from '../measure/interval.ts'

const ROUNDS = 3
const LIMIT = 1.1
const directory = mkdtempSync(`${tmpdir()}/bench-memory-`)

try {
  const [append, receive] = [ratioOf('append'), ratioOf('receive')]
  const passed = append <= receive * LIMIT
  console.log(`${(append / receive).toFixed(2)} x, at most ${LIMIT} x: ${passed ? 'pass' : 'FAIL'}`)
  if (!passed) process.exitCode = 1
} finally {
  rmSync(directory, { recursive: true, force: true })
}

/** Prints both peaks; returns how many times the smaller one the larger one is. */
function ratioOf(way: 'append' | 'receive'): number {
  const [small, large] = [peakOf(way, 10), peakOf(way, 300)]
  const ratio = large / small
  const figures = `10 MB: ${small.toFixed(1)} MiB, 300 MB: ${large.toFixed(1)} MiB, ${ratio.toFixed(2)} x`
  console.log(`${way.padEnd(8)} ${figures}`)
  return ratio
}

/** The median of the peaks of a few processes, in MiB. */
function peakOf(way: string, megabytes: number): number {
  const child = program('upload-memory')
  const peaks = Array.from({ length: ROUNDS }, () => run<number>(child, [directory, way, megabytes]))
  return interval(peaks).median
}
