// Types of handing an entry off.

import type { Duration } from '../input/units.ts'

/**
 * Any value that JSON can hold.
 * @category Handoffs
 */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json | undefined }

/**
 * Options of {@link TempEntry.handOff}.
 * @category Handoffs
 */
export interface HandOffOptions {
  /** How long it waits for a claimant; counts again from each release. Default: the manager's `handoff.ttl`, '7d'. */
  ttl?: Duration | undefined
  /** Any JSON value of at most 64 KiB, for the claimant. */
  meta?: Json | undefined
  /** Sync everything to the disk before resolving, so that it survives a power cut. Default true. */
  durable?: boolean | undefined
}
