// A handoff as it is shown without being claimed.

/** What {@link TempFileManager.inspect} and {@link TempFileManager.handoffs} tell. */
export interface HandoffInfo {
  readonly ticket: string
  /** 'corrupt': its record cannot be believed; the data is kept. */
  readonly state: 'available' | 'claimed' | 'corrupt'
  readonly kind: 'file' | 'dir' | undefined
  readonly name: string | undefined
  /** Its data: files of any kind, and their sizes in bytes. */
  readonly files: number
  readonly bytes: number
  readonly meta: unknown
  /** Claims so far. */
  readonly attempts: number
  /** By the publisher's clock; milliseconds since 1970. */
  readonly publishedAtMs: number | undefined
  /** Milliseconds since it was published, released or given back last, by the volume's clock; undefined when that could not be asked. */
  readonly ageMs: number | undefined
  /** Milliseconds until a sweep may remove it; undefined while it is claimed, and when unknown. */
  readonly expiresInMs: number | undefined
  /** Who has it. `claimedAtMs`: milliseconds since 1970 by the volume's clock. */
  readonly claimant:
    | {
        readonly pid: number | undefined
        readonly hostname: string | undefined
        readonly claimedAtMs: number
      }
    | undefined
  /** What is wrong with a corrupt one. */
  readonly problem: string | undefined
}
