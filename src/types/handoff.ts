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
 * `T & JsonOf<T>` is `T`, with `never` in the place of what JSON cannot hold: lets a value of an interface type be {@link Json}.
 * @category Handoffs
 */
// `unknown`, not `T`: TypeScript then finds the type of handOff() in the ESM and the CommonJS declarations identical, which
// their augmentations of Express and Fastify need in one program.
export type JsonOf<T> = T extends Json | undefined
  ? unknown
  : T extends bigint | symbol | ((...given: never[]) => unknown)
    ? never
    : T extends object
      ? { readonly [K in keyof T]: JsonOf<T[K]> }
      : never

/**
 * Options of {@link TempEntry.handOff}. `M` is the type of `meta`, which TypeScript infers.
 * @category Handoffs
 */
export interface HandOffOptions<M = Json> {
  /** How long it waits for a claimant; counts again from each release. Default: the manager's `handoff.ttl`, '7d'. */
  ttl?: Duration | undefined
  /** Any JSON value of at most 64 KiB, for the claimant. */
  meta?: Json | (M & JsonOf<M>) | undefined
  /** Sync everything to the disk before resolving, so that it survives a power cut. Default true. */
  durable?: boolean | undefined
}
