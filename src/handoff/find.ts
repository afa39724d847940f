// Where a handoff stands that is not in handoffs/. Promise: a claim held by a dead owner is freed at once, so
// that a retry right after a crash does not wait for the next sweep.

import type { FileSystem } from '../disk/file-system.ts'
import { errnoOf } from '../errors.ts'
import { CLAIMS, inside, isUploadId, parseSessionsEntry, type Root } from '../layout.ts'
import { judge } from '../liveness/judge.ts'
import { volumeNow } from '../liveness/volume-clock.ts'
import { buryIfDead } from '../removal/remove-session.ts'
import { settleUploadExpiry } from '../uploads/expiry.ts'
import { settleExpiry } from './expiry.ts'
import { giveBack } from './give-back.ts'

/** Who has a handoff, as far as its record tells. */
export interface Holder {
  readonly pid: number | undefined
  readonly hostname: string | undefined
  /** When it was claimed: milliseconds since 1970 by the volume's clock. */
  readonly since: number | undefined
}

export type Freed =
  | { readonly state: 'held'; readonly holder: Holder }
  /** It was freed, or is on its way back: look into handoffs/ again. */
  | { readonly state: 'moving' }
  | { readonly state: 'nowhere' }

/** A directory of `sessions/` that has a ticket in its claims/. */
export interface Found {
  readonly kind: 'live' | 'new' | 'dead' | 'gone'
  readonly id: string
  readonly directory: string
  readonly claim: string
  readonly since: number
}

/** Looks into every claims/, tombstones' too. */
export function findClaim({ fs, layout }: Root, ticket: string): Found | undefined {
  for (const name of namesOf(fs, layout.sessions)) {
    const entry = parseSessionsEntry(name)
    if (entry === undefined || entry.kind === 'new') continue
    const directory = inside(layout.sessions, name)
    // A handoff that a sweep suspects to be expired stands here itself, and may be renamed back.
    const claim =
      entry.id === ticket && entry.kind === 'dead' ? directory : inside(inside(directory, CLAIMS), ticket)
    try {
      return { ...entry, directory, claim, since: fs.lstatSync(claim).ctimeMs }
    } catch (error) {
      const errno = errnoOf(error)
      if (errno !== 'ENOENT' && errno !== 'ENOTDIR' && errno !== 'EACCES') throw error
    }
  }
  return undefined
}

/** Finds who holds `ticket`, and frees it if that holder is dead. */
export async function freeFromDead(root: Root, ticket: string): Promise<Freed> {
  const { fs } = root
  const found = findClaim(root, ticket)
  if (found === undefined) return { state: 'nowhere' }
  if (found.id === ticket) {
    const settle = isUploadId(ticket) ? settleUploadExpiry : settleExpiry
    settle(root, found.directory, ticket, volumeNow(root))
    return { state: 'moving' }
  }
  if (found.kind === 'gone') {
    giveBack(root, found.claim, ticket)
    return { state: 'moving' }
  }
  const judged = await judge(root, found)
  if (judged.verdict === 'dead') {
    await buryIfDead(root, found)
    return { state: 'moving' }
  }
  const holder = { pid: judged.owner?.pid, hostname: judged.owner?.hostname, since: found.since }
  return stillThere(fs, found.claim) ? { state: 'held', holder } : { state: 'moving' }
}

function namesOf(fs: FileSystem, directory: string): string[] {
  try {
    return fs.readdirSync(directory).map(String)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [] // no root yet
    throw error
  }
}

function stillThere(fs: FileSystem, path: string): boolean {
  try {
    fs.lstatSync(path)
    return true
  } catch {
    return false
  }
}
