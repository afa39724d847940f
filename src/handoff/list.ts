// All handoffs of a root, or one of them, without claiming: the free ones and those claimed by some session.
// Guarantee: one that moves between directories meanwhile is neither missed, listed twice nor reported as corrupt.

import { setTimeout as pause } from 'node:timers/promises'
import {
  type Clocks,
  clocksNow,
  expiresInMs,
  type HandoffRoot,
  type HandoffState,
  mostAttempts,
  stateOf,
  waitOf,
} from '../claimable/expiry.ts'
import { goneError, type HandoffRead } from '../claimable/handoff-record.ts'
import { readFailure } from '../claimable/last-error.ts'
import { measureTree } from '../disk/measure.ts'
import { existsAt } from '../disk/paths.ts'
import { ioError } from '../errors.ts'
import { DATA, inside, isTicket, isUploadId } from '../layout.ts'
import { type Judgement, judge } from '../liveness/judge.ts'
import { dataProblem, LOOKS, PAUSE_MS } from './claim.ts'
import { claimIndexOf, type Found, listClaims, readableNames } from './claim-index.ts'
import { type Claimant, claimantOf } from './find.ts'
import type { HandoffInfo } from './info.ts'

/** One that left the place where the listing found it has moved, or was completed: the latter is common and not waited for long. */
const WHEN_LISTING = { looks: 3, pauseMs: 1 }
const WHEN_ASKED = { looks: LOOKS, pauseMs: PAUSE_MS }

/** The state of one listing: its clocks, and each session's verdict once. */
interface Listing {
  readonly root: HandoffRoot
  readonly clocks: Clocks
  readonly judged: Map<string, Promise<Judgement>>
}

/** Every handoff of the root, each once, also one that moves meanwhile. @throws ERR_TEMP_IO */
export async function listHandoffs(root: HandoffRoot): Promise<HandoffInfo[]> {
  const { fs, layout } = root
  try {
    const listing = newListing(root)
    const seen = new Map<string, Found | undefined>()
    for (const ticket of readableNames(fs, layout.handoffs)) if (isTicket(ticket)) seen.set(ticket, undefined)
    for (const [id, found] of await listClaims(root))
      if (!isUploadId(id) && !seen.has(id)) seen.set(id, found)
    const infos: HandoffInfo[] = []
    for (const [ticket, found] of seen) {
      const info = (await describe(listing, ticket, found)) ?? (await lookFor(listing, ticket, WHEN_LISTING))
      if (info !== undefined) infos.push(info)
    }
    return infos
  } catch (error) {
    throw ioError(error, 'list the handoffs', layout.root)
  }
}

/** One handoff, free or claimed; looked for as long as by a claimant. @throws ERR_TEMP_HANDOFF_GONE, ERR_TEMP_IO */
export async function inspectHandoff(root: HandoffRoot, ticket: string): Promise<HandoffInfo> {
  try {
    const info = await lookFor(newListing(root), ticket, WHEN_ASKED)
    if (info === undefined) throw goneError()
    return info
  } catch (error) {
    throw ioError(error, 'look at the handoff', root.layout.root)
  }
}

function newListing(root: HandoffRoot): Listing {
  return { root, clocks: clocksNow(root), judged: new Map() }
}

async function lookFor(
  listing: Listing,
  ticket: string,
  patience: { readonly looks: number; readonly pauseMs: number },
): Promise<HandoffInfo | undefined> {
  for (let look = 1; ; look++) {
    const free = await describe(listing, ticket, undefined)
    if (free !== undefined) return free
    const found = await claimIndexOf(listing.root).find(ticket)
    const claimed = found === undefined ? undefined : await describe(listing, ticket, found)
    if (claimed !== undefined) return claimed
    if (look === patience.looks) return undefined
    await pause(patience.pauseMs)
  }
}

/** Undefined when it is not there, or moved meanwhile: half of what was seen would be untrue. */
async function describe(
  listing: Listing,
  ticket: string,
  found: Found | undefined,
): Promise<HandoffInfo | undefined> {
  const { root, clocks } = listing
  const { fs, layout } = root
  const directory = found?.claim ?? inside(layout.handoffs, ticket)
  if (!existsAt(fs, directory)) return undefined
  const state = stateOf(root, directory, ticket)
  const claimant = await claimantIn(listing, ticket, found)
  const lastError = readFailure(fs, directory)
  const size = await measureTree(fs, inside(directory, DATA))
  const record = state.read.state === 'read' ? state.read.record : undefined
  const isHeld = claimant !== undefined && claimant.verdict !== 'dead' // its claimant may be moving its data
  const missing = record === undefined || isHeld ? undefined : dataProblem(fs, directory, record)
  if (!existsAt(fs, directory)) return undefined
  const problem = problemOf(state.read) ?? missing
  const shown = problem !== undefined ? 'corrupt' : stateNameOf(state, isHeld)
  const left = claimant === undefined ? expiresInMs(state, clocks) : undefined
  return {
    ticket,
    state: shown,
    claimable: shown === 'available',
    kind: record?.kind,
    name: record?.name,
    ...size,
    meta: record?.meta,
    attempts: state.attempt?.count ?? 0,
    maxAttempts: mostAttempts(root, record?.maxAttempts),
    lastError,
    publishedAtMs: record?.publishedAt,
    ageMs: state.attempt === undefined ? undefined : waitOf(state.attempt.since, clocks)?.ageMs,
    expiresInMs: left === undefined ? undefined : Math.max(0, left),
    claimant,
    problem,
  }
}

async function claimantIn(
  { root, judged }: Listing,
  ticket: string,
  found: Found | undefined,
): Promise<Claimant | undefined> {
  if (found === undefined || found.id === ticket) return undefined // free, or suspected to be expired
  const known = judged.get(found.directory) ?? judge(root, found)
  judged.set(found.directory, known)
  return claimantOf(root, found, await known)
}

function stateNameOf(state: HandoffState, isHeld: boolean): HandoffInfo['state'] {
  if (isHeld) return 'claimed'
  return state.dead ? 'dead' : 'available'
}

function problemOf(read: HandoffRead): string | undefined {
  if (read.state === 'read') return undefined
  return read.state === 'refused' ? read.why : 'it is missing'
}
