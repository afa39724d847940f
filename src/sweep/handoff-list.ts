// All handoffs of a root, or one of them, without claiming: the free ones and those held in some session.

import type { Context } from '../context.ts'
import { measureTree } from '../disk/measure.ts'
import { errnoOf } from '../errors.ts'
import type { HandoffInfo } from '../handoff/info.ts'
import { goneError } from '../handoff/record.ts'
import { volumeNow } from '../session/clock.ts'
import { CLAIMS, DATA, inside, isTicket, parseSessionsEntry } from '../session/layout.ts'
import { readOwner } from '../session/owner.ts'
import { ageOf } from './expiry.ts'
import { findClaim } from './holder.ts'

/** Every handoff of the root. */
export async function listHandoffs(context: Context): Promise<HandoffInfo[]> {
  const { fs, layout } = context
  const now = volumeNow(fs, layout)
  const found: HandoffInfo[] = []
  for (const ticket of namesIn(context, layout.handoffs)) {
    if (!isTicket(ticket)) continue
    const info = await describe(context, inside(layout.handoffs, ticket), ticket, now)
    if (info !== undefined) found.push(info)
  }
  for (const name of namesIn(context, layout.sessions)) {
    const entry = parseSessionsEntry(name)
    if (entry === undefined || entry.kind === 'new') continue
    const directory = inside(layout.sessions, name)
    for (const ticket of namesIn(context, inside(directory, CLAIMS))) {
      if (!isTicket(ticket)) continue
      const info = await describe(context, inside(inside(directory, CLAIMS), ticket), ticket, now, {
        directory,
        id: entry.id,
      })
      if (info !== undefined) found.push(info)
    }
  }
  return found
}

/** One handoff, free or claimed. @throws ERR_TEMP_HANDOFF_GONE */
export async function inspectHandoff(context: Context, ticket: string): Promise<HandoffInfo> {
  const { fs, layout } = context
  const now = volumeNow(fs, layout)
  for (let look = 0; look < 3; look++) {
    const free = await describe(context, inside(layout.handoffs, ticket), ticket, now)
    if (free !== undefined) return free
    const found = findClaim(fs, layout, ticket)
    if (found === undefined) continue
    const held = await describe(context, found.claim, ticket, now, found.id === ticket ? undefined : found)
    if (held !== undefined) return held
  }
  throw goneError()
}

/** Undefined when nothing stands there. */
async function describe(
  context: Context,
  directory: string,
  ticket: string,
  now: number | undefined,
  holder?: { readonly directory: string; readonly id: string },
): Promise<HandoffInfo | undefined> {
  const { fs } = context
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
        ? { pid: owner.owner.pid, hostname: owner.owner.hostname, since }
        : { pid: undefined, hostname: undefined, since }
  const passed = now === undefined || age.since === undefined ? undefined : Math.max(0, now - age.since)
  const free = claimant === undefined && record !== undefined && passed !== undefined
  return {
    ticket,
    state: record === undefined ? 'corrupt' : claimant === undefined ? 'available' : 'claimed',
    kind: record?.kind,
    name: record?.name,
    ...(await measureTree(fs, inside(directory, DATA))),
    meta: record?.meta,
    attempts: age.attempts ?? 0,
    publishedAt: record?.publishedAt,
    age: passed,
    expiresIn: free ? Math.max(0, record.ttl - passed) : undefined,
    claimant,
    problem:
      age.read.state === 'refused'
        ? age.read.why
        : age.read.state === 'missing'
          ? 'it is missing'
          : undefined,
  }
}

function namesIn(context: Context, directory: string): string[] {
  try {
    return context.fs.readdirSync(directory).map(String)
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return []
    throw error
  }
}
