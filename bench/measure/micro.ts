// Calls of microseconds, measured by mitata. Guarantee: the figure is the middle one of many small batches, so
// a batch that the machine interrupted does not count.

import { measure } from 'mitata'
import type { Contestant } from './rounds.ts'

/** Microseconds a call; `milliseconds` is how long a turn measures. */
export function micro(call: () => unknown, milliseconds: number): Contestant {
  return async () => {
    const { p50 } = await measure(call, {
      min_cpu_time: milliseconds * 1e6,
      min_samples: 8,
      batch_samples: 64,
      batch_threshold: 1e6, // always in batches: a clock read costs as much as a tenth of a call
      warmup_threshold: 1e9,
      gc: () => {},
    } as Parameters<typeof measure>[1]) // `gc` is missing from mitata's types
    return p50 / 1000
  }
}
