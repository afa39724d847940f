// A sweep's decision about one entry of the root. Guarantee: an entry that this package did not make is never touched.

import type { Clocks, HandoffRoot } from '../claimable/expiry.ts'
import type { FileSystem } from '../disk/file-system.ts'
import type { MountTable } from '../disk/mounts.ts'
import { isOwnedByUs } from '../disk/ownership.ts'
import { findSync } from '../disk/paths.ts'
import type { Policy } from '../liveness/verdict.ts'
import type { Condemned } from '../removal/remove-session.ts'
import type { SweepItem } from './report.ts'

/** One sweep: its root, its clocks, read once, and its rules. */
export interface SweepRun extends HandoffRoot {
  /** The id of the sweeper's own session, which is never judged. */
  readonly ownId: string | undefined
  readonly mounts: MountTable
  /** The volume's now; undefined: it could not be asked, and nothing counts as old. */
  readonly now: number | undefined
  readonly clocks: Clocks
  readonly dryRun: boolean
  /** When a session without proof of its owner's death is removed. */
  readonly policy: Policy
  readonly signal: AbortSignal | undefined
}

/** A decision about one entry, with its reason. */
export interface Finding {
  readonly kind: SweepItem['kind']
  readonly action: SweepItem['action']
  readonly reason: string
  /** Its ticket or upload id, where its time to live is over. */
  readonly expired?: string | undefined
  /** Its directory, which is now deleted. */
  readonly condemned?: Condemned | undefined
}

/** An entry that stays. */
export function keep(kind: SweepItem['kind'], reason: string): Finding {
  return { kind, action: 'kept', reason }
}

/** An entry that this package did not make. */
export function foreign(reason = 'not made by this package'): Finding {
  return keep('foreign', reason)
}

/**
 * The finding about an entry that this package did not make, whatever its name, or that is not there; undefined: this package
 * may have made it. Throws the system's error.
 */
export function foreignAt(fs: FileSystem, path: string, kind: SweepItem['kind']): Finding | undefined {
  const stats = findSync(fs, path)
  if (stats === undefined) return leftToOthers(kind)
  if (!stats.isDirectory()) return foreign('not a directory')
  return isOwnedByUs(stats) ? undefined : foreign('belongs to another user')
}

/** An entry that a dry run would remove. */
export function wouldRemove(kind: SweepItem['kind'], reason: string): Finding {
  return { kind, action: 'would-remove', reason }
}

/** An entry that another process renamed or removed first. */
export function leftToOthers(kind: SweepItem['kind']): Finding {
  return { kind, action: 'left-to-others', reason: 'another process was first' }
}
