// All handoffs of a root, or one of them, without claiming: the free ones and those held in some session.
// Promise: one that is on its way from one directory to another is neither missed, told twice nor called corrupt.

import { setTimeout as pause } from 'node:timers/promises'
import type { FileSystem } from '../disk/file-system.ts'
import { measureTree } from '../disk/measure.ts'
import { errnoOf, ioError } from '../errors.ts'
import { CLAIMS, DATA, inside, isTicket, parseSessionsEntry, type Root } from '../layout.ts'
import { readOwner } from '../liveness/owner-record.ts'
import { volumeNow } from '../liveness/volume-clock.ts'
import { LOOKS, PAUSE_MS } from './claim.ts'
import { ageOf } from './expiry.ts'
import { findClaim } from './find.ts'
import { goneError } from './handoff-record.ts'
import type { HandoffInfo } from './info.ts'

/** One that is not where the listing saw it has moved, or was completed: the latter is common and not waited for long. */
const WHEN_LISTING = { looks: 3, pauseMs: 1 }
const WHEN_ASKED = { looks: LOOKS, pauseMs: PAUSE_MS }

/** Who holds it, when it is not free. */
interface Holding {
  readonly directory: string
  readonly id: string
}

/** Every handoff of the root, each once, also one that moves while we look. @throws ERR_TEMP_IO */
export async function listHandoffs(root: Root): Promise<HandoffInfo[]> {
  const { layout } = root
  try {
    const now = volumeNow(root)
    const found: HandoffInfo[] = []
    for (const [ticket, seen] of ticketsIn(root)) {
      const info = await describe(root, seen.at, ticket, now, seen.holding)
      const moved = info ?? (await lookFor(root, ticket, now, WHEN_LISTING))
      if (moved !== undefined) found.push(moved)
    }
    return found
  } catch (error) {
    throw ioError(error, 'list the handoffs', layout.root)
  }
}

/** One handoff, free or claimed; looked for as long as by a claimant. @throws ERR_TEMP_HANDOFF_GONE, ERR_TEMP_IO */
export async function inspectHandoff(root: Root, ticket: string): Promise<HandoffInfo> {
  const { layout } = root
  try {
    const found = await lookFor(root, ticket, volumeNow(root), WHEN_ASKED)
    if (found === undefined) throw goneError()
    return found
  } catch (error) {
    throw ioError(error, 'look at the handoff', layout.root)
  }
}

/** Tickets and where each was seen first. */
function ticketsIn(root: Root): Map<string, { at: string; holding?: Holding }> {
  const { layout } = root
  const seen = new Map<string, { at: string; holding?: Holding }>()
  for (const ticket of namesIn(root, layout.handoffs))
    if (isTicket(ticket)) seen.set(ticket, { at: inside(layout.handoffs, ticket) })
  for (const name of namesIn(root, layout.sessions)) {
    const entry = parseSessionsEntry(name)
    if (entry === undefined || entry.kind === 'new') continue
    const directory = inside(layout.sessions, name)
    if (isTicket(entry.id)) {
      // Suspected to be expired: it may be renamed back. Condemned: it is no handoff any more.
      if (entry.kind === 'dead' && !seen.has(entry.id)) seen.set(entry.id, { at: directory })
      continue
    }
    for (const ticket of namesIn(root, inside(directory, CLAIMS))) {
      const holding = { directory, id: entry.id }
      if (isTicket(ticket) && !seen.has(ticket))
        seen.set(ticket, { at: inside(inside(directory, CLAIMS), ticket), holding })
    }
  }
  return seen
}

async function lookFor(
  root: Root,
  ticket: string,
  now: number | undefined,
  patience: { readonly looks: number; readonly pauseMs: number },
): Promise<HandoffInfo | undefined> {
  const { layout } = root
  for (let look = 1; ; look++) {
    const free = await describe(root, inside(layout.handoffs, ticket), ticket, now)
    if (free !== undefined) return free
    const found = findClaim(root, ticket)
    if (found !== undefined) {
      const holding = found.id === ticket ? undefined : found
      const held = await describe(root, found.claim, ticket, now, holding)
      if (held !== undefined) return held
    }
    if (look === patience.looks) return undefined
    await pause(patience.pauseMs)
  }
}

/** Undefined when it does not stand there, or left while we looked: half of what was seen would be untrue. */
async function describe(
  root: Root,
  directory: string,
  ticket: string,
  now: number | undefined,
  holder?: Holding,
): Promise<HandoffInfo | undefined> {
  const { fs } = root
  let since: number
  try {
    since = fs.lstatSync(directory).ctimeMs
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
  const age = ageOf(fs, directory, ticket)
  const record = age.read.state === 'read' ? age.read.record : undefined
  const owner = holder === undefined ? undefined : readOwner(fs, holder.directory, holder.id)
  const claimant =
    owner === undefined
      ? undefined
      : owner.state === 'read'
        ? { pid: owner.owner.pid, hostname: owner.owner.hostname, claimedAtMs: since }
        : { pid: undefined, hostname: undefined, claimedAtMs: since }
  const passed = now === undefined || age.since === undefined ? undefined : Math.max(0, now - age.since)
  const free = claimant === undefined && record !== undefined && passed !== undefined
  const size = await measureTree(fs, inside(directory, DATA))
  if (!stands(fs, directory)) return undefined
  return {
    ticket,
    state: record === undefined ? 'corrupt' : claimant === undefined ? 'available' : 'claimed',
    kind: record?.kind,
    name: record?.name,
    ...size,
    meta: record?.meta,
    attempts: age.attempts ?? 0,
    publishedAtMs: record?.publishedAt,
    ageMs: passed,
    expiresInMs: free ? Math.max(0, record.ttl - passed) : undefined,
    claimant,
    problem:
      age.read.state === 'refused'
        ? age.read.why
        : age.read.state === 'missing'
          ? 'it is missing'
          : undefined,
  }
}

function stands(fs: FileSystem, path: string): boolean {
  try {
    fs.lstatSync(path)
    return true
  } catch {
    return false
  }
}

/** Names in a directory of the root; none where it does not exist, or is no directory. */
export function namesIn(root: Root, directory: string): string[] {
  try {
    return root.fs.readdirSync(directory).map(String)
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return []
    throw error
  }
}
