// The protocol of a ticket, explored exhaustively within bounds. MODEL=long explores further (npm run test:s3-model).

import { describe, expect, it } from 'vitest'
import { type Bounds, explore, type Flaw } from './protocol-model.ts'

const LONG = process.env['MODEL'] === 'long'

const BOUNDS: Bounds[] = [
  { workers: 1, requests: 3, ticks: 3, sweep: true },
  { workers: 2, requests: 3, ticks: 3, sweep: false },
  ...(LONG
    ? [
        { workers: 1, requests: 4, ticks: 3, sweep: true },
        { workers: 2, requests: 4, ticks: 3, sweep: false },
        { workers: 2, requests: 4, ticks: 3, sweep: true },
      ]
    : []),
]

describe('in every reachable state', () => {
  it.each(BOUNDS)(
    'no fencing number is held twice, no lease overlaps another, and the ticket is neither lost nor back after its end: $workers workers, $requests requests, $ticks ticks, sweep: $sweep',
    (bounds) => {
      const { states, violation } = explore(bounds)
      expect(violation).toBeUndefined()
      expect(states).toBeGreaterThan(10_000)
      if (LONG) console.log(`${states} states`)
    },
    3_600_000,
  )
})

describe('flaws of the protocol', () => {
  it.each<[Flaw, string]>([
    ['ignores If-Match', 'it came back after its end'],
    ['ignores If-None-Match', 'it came back after its end'],
    ['forgets tombstones', 'it came back after its end'],
    ['has no fencing', 'two holders have one fencing number'],
  ])('the model finds the violation of a store or program that %s', (flaw, violation) => {
    expect(explore({ workers: 2, requests: 4, ticks: 3, sweep: true }, flaw).violation).toBe(violation)
  })
})
