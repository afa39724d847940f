// Compares what is open after a round with what was open before the first one.

import type { State } from './server.ts'

const MEGABYTE = 1024 * 1024
/** The heap of a round without a leak varies by less. */
const HEAP_BYTES = 24 * MEGABYTE

/** Everything that is open and was not before, in words. */
export function violations(now: State, before: State | undefined): string[] {
  const found: string[] = []
  if (now.requests > 0) found.push(`${now.requests} open requests`)
  if (now.connections > 0) found.push(`${now.connections} open connections`)
  if (now.files.length > 0) found.push(`files: ${now.files.slice(0, 5).join(', ')}`)
  if (before === undefined) return found
  const more = (
    name: string,
    a: Readonly<Record<string, number>>,
    b: Readonly<Record<string, number>>,
  ): void => {
    for (const [key, count] of Object.entries(a))
      if (count > (b[key] ?? 0)) found.push(`${name} ${key}: ${count}, before ${b[key] ?? 0}`)
  }
  if (now.descriptors.length > before.descriptors.length)
    found.push(
      `${now.descriptors.length} descriptors, before ${before.descriptors.length}: ${now.descriptors.join(' ')}`,
    )
  more('active', now.resources, before.resources)
  more('listeners', now.listeners, before.listeners)
  if (now.timers > before.timers) found.push(`${now.timers} timers, before ${before.timers}`)
  if (now.heapBytes > before.heapBytes + HEAP_BYTES)
    found.push(`heap ${mb(now.heapBytes)} MB, before ${mb(before.heapBytes)} MB`)
  return found
}

export const mb = (bytes: number): string => (bytes / MEGABYTE).toFixed(1)
