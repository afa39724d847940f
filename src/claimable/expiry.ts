// The state of a published handoff, and when it expires. Guarantee: no wall clock that was just set expires a handoff, a dead
// letter never expires, and one that was claimed and given back between the look and the rename is renamed back whole.
//   1. overdue at a first look: rename handoffs/<ticket> to .dead-<ticket>-<random>
//   2. look again: younger now: rename it back; still overdue: .gone-, the commit
// (The contract renames to .gone- at once and looks afterwards; but another sweeper deletes a .gone- without
// looking, so a suspect needs a tombstone's name.)

import { renameIfThere } from '../disk/paths.ts'
import { renameInto } from '../disk/rename-into.ts'
import { deadName, goneName, inside, type Root } from '../layout.ts'
import { type BootTime, bootTime, type Stamp } from '../liveness/boot-clock.ts'
import { volumeNow } from '../liveness/volume-clock.ts'
import { type Attempt, readAttempt } from './attempt.ts'
import { type HandoffRead, readHandoff } from './handoff-record.ts'

/** A root, with the most attempts that its manager allows a handoff. */
export interface HandoffRoot extends Root {
  readonly maxAttempts?: number | undefined
}

/** A handoff's state on the disk. */
export interface HandoffState {
  readonly read: HandoffRead
  /** Undefined when the counter is missing. */
  readonly attempt: Attempt | undefined
  /** A dead letter: it was claimed as often as allowed, and never completed. */
  readonly dead: boolean
}

/** Two clocks, each undefined where it cannot be asked. */
export interface Clocks {
  readonly boot: BootTime | undefined
  /** The volume's now, in milliseconds since 1970. */
  readonly volume: number | undefined
}

/** In a younger boot the wall clock may not be set yet: a board without a battery asks the network first. */
export const YOUNG_BOOT_MS = 600_000

export function clocksNow(root: Root, volume: number | undefined = volumeNow(root)): Clocks {
  return { boot: bootTime(), volume }
}

export function stateOf(root: HandoffRoot, directory: string, ticket: string): HandoffState {
  const read = readHandoff(root.fs, directory, ticket)
  const attempt = readAttempt(root.fs, directory)
  const dead = read.state === 'read' && isDeadLetter(attempt, mostAttempts(root, read.record.maxAttempts))
  return { read, attempt, dead }
}

/** The lower of the publisher's and this manager's limit; undefined: no limit. */
export function mostAttempts(root: HandoffRoot, published: number | undefined): number | undefined {
  const limit = Math.min(published ?? Infinity, root.maxAttempts ?? Infinity)
  return limit === Infinity ? undefined : limit
}

function isDeadLetter(attempt: Attempt | undefined, most: number | undefined): boolean {
  return attempt !== undefined && most !== undefined && attempt.count - attempt.retriedAt >= most
}

/** How long ago a stamp was made, and for how long at least what it is on must not expire yet. */
export function waitOf(
  since: Stamp,
  { boot, volume }: Clocks,
): { ageMs: number; graceMs: number } | undefined {
  if (boot?.boot === since.boot && boot.uptimeMs >= since.uptimeMs)
    return { ageMs: boot.uptimeMs - since.uptimeMs, graceMs: 0 }
  if (volume === undefined) return undefined
  const graceMs = boot === undefined ? 0 : Math.max(0, YOUNG_BOOT_MS - boot.uptimeMs)
  return { ageMs: Math.max(0, volume - since.volumeMs), graceMs }
}

/** Milliseconds until a sweep may remove it, negative when it may now; undefined: never, or that cannot be known now. */
export function expiresInMs({ read, attempt, dead }: HandoffState, clocks: Clocks): number | undefined {
  if (read.state !== 'read' || attempt === undefined || dead) return undefined
  const wait = waitOf(attempt.since, clocks)
  if (wait === undefined) return undefined
  const left = read.record.ttl - wait.ageMs
  return wait.graceMs > 0 ? Math.max(left, wait.graceMs) : left
}

/** Never on a disk too full for a look at the volume's clock: all rules of age rest until there is room. */
export function isOverdue(state: HandoffState, clocks: Clocks): boolean {
  if (clocks.volume === undefined) return false
  const left = expiresInMs(state, clocks)
  return left !== undefined && left < 0
}

/** Suspects, looks again, commits. Returns the path of the condemned handoff, or undefined when it stays. */
export function expire(root: HandoffRoot, ticket: string, clocks: Clocks): string | undefined {
  const tombstone = inside(root.layout.sessions, deadName(ticket))
  if (!renameIfThere(root.fs, inside(root.layout.handoffs, ticket), tombstone)) return undefined
  return settleExpiry(root, tombstone, ticket, clocks)
}

/** The second look, at a tombstone that may also be another sweeper's. */
export function settleExpiry(
  root: HandoffRoot,
  tombstone: string,
  ticket: string,
  clocks: Clocks,
): string | undefined {
  const { fs, layout } = root
  if (!isOverdue(stateOf(root, tombstone, ticket), clocks)) {
    renameInto(fs, tombstone, inside(layout.handoffs, ticket))
    return undefined
  }
  const gone = inside(layout.sessions, goneName(ticket))
  return renameIfThere(fs, tombstone, gone) ? gone : undefined
}
