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
import { lookForData } from '../claimable/give-back.ts'
import { goneError, type HandoffRead, type HandoffRecord } from '../claimable/handoff-record.ts'
import { readFailure } from '../claimable/last-error.ts'
import type { FileSystem } from '../disk/file-system.ts'
import { measureTree } from '../disk/measure.ts'
import { existsAt, findSync } from '../disk/paths.ts'
import { ioError } from '../errors.ts'
import { DATA, inside, isTicket, isUploadId } from '../layout.ts'
import { type Judgement, judge } from '../liveness/judge.ts'
import { dataProblem, LOOKS, MOST_MOVES, PAUSE_MS } from './claim.ts'
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
    const addFree = (): void => {
      for (const ticket of readableNames(fs, layout.handoffs))
        if (isTicket(ticket) && !seen.has(ticket)) seen.set(ticket, undefined)
    }
    addFree()
    for (const [id, found] of await listClaims(root))
      if (!isUploadId(id) && !seen.has(id)) seen.set(id, found)
    addFree() // one that was given back meanwhile is in neither list
    const infos: HandoffInfo[] = []
    for (const [ticket, found] of seen) {
      const first = await describe(listing, ticket, found)
      const info = isWhole(first) ? first : await lookFor(listing, ticket, WHEN_LISTING)
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

/**
 * What one look found. 'moved': it was there, and moved or changed during the look, so that what was seen may be half.
 * 'spent': its claimant was killed after it had moved the data away, so giving it back will complete it.
 */
type Seen = HandoffInfo | 'moved' | 'spent' | undefined

async function lookFor(
  listing: Listing,
  ticket: string,
  patience: { readonly looks: number; readonly pauseMs: number },
): Promise<HandoffInfo | undefined> {
  for (let look = 0, moves = 0; ; ) {
    const seen = await lookOnce(listing, ticket)
    if (isWhole(seen) || (typeof seen === 'object' && moves > 0)) return seen
    const isAbsent = seen === undefined || seen === 'spent'
    if (isAbsent ? ++look === patience.looks : ++moves > MOST_MOVES) return undefined
    await pause(isAbsent ? patience.pauseMs : 1)
  }
}

async function lookOnce(listing: Listing, ticket: string): Promise<Seen> {
  const free = await describe(listing, ticket, undefined)
  if (typeof free === 'object') return free
  const found = await claimIndexOf(listing.root).find(ticket)
  if (found !== undefined) return (await describe(listing, ticket, found)) ?? 'moved'
  const { fs, layout } = listing.root
  return free ?? (existsAt(fs, inside(layout.handoffs, ticket)) ? 'moved' : undefined) // given back in between
}

/** Where the kernel's clock is coarse, two moves in one tick leave no trace but a contradiction, which a second look confirms. */
function isWhole(seen: Seen): seen is HandoffInfo {
  if (typeof seen !== 'object') return false
  return seen.problem === undefined && seen.ageMs !== undefined && (seen.kind !== 'file' || seen.files > 0)
}

async function describe(listing: Listing, ticket: string, found: Found | undefined): Promise<Seen> {
  const { root, clocks } = listing
  const { fs, layout } = root
  const directory = found?.claim ?? inside(layout.handoffs, ticket)
  const before = findSync(fs, directory)?.ctimeMs // each rename of it sets its ctime
  if (before === undefined) return undefined
  const state = stateOf(root, directory, ticket)
  const claimant = await claimantIn(listing, ticket, found)
  const lastError = readFailure(fs, directory)
  const size = await measureTree(fs, inside(directory, DATA))
  const record = state.read.state === 'read' ? state.read.record : undefined
  const isHeld = claimant !== undefined && claimant.verdict !== 'dead'
  const data = lookAtData(fs, directory, record, claimant)
  if (findSync(fs, directory)?.ctimeMs !== before) return 'moved'
  if (data === 'spent') return 'spent'
  const problem = problemOf(state.read) ?? data.problem
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

function lookAtData(
  fs: FileSystem,
  directory: string,
  record: HandoffRecord | undefined,
  claimant: Claimant | undefined,
): { readonly problem: string | undefined } | 'spent' {
  const isHeld = claimant !== undefined && claimant.verdict !== 'dead' // its claimant may be moving its data
  const problem = record === undefined || isHeld ? undefined : dataProblem(fs, directory, record)
  if (problem === undefined || claimant === undefined) return { problem }
  const place = lookForData(fs, directory)
  return place === 'spent' ? place : { problem: place === 'in-place' ? problem : undefined }
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
