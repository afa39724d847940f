// The answer to GET /stats: the process, the pool, the jobs, and the temp root on disk. Guarantee: no path leaves the
// server, and tickets are shortened, because a ticket is enough to claim its file.

import type { HandoffInfo, ManagerStats, SessionUsage } from 'temp-file-manager'
import { clipLimit } from './clip-rules.ts'
import type { JobBook } from './jobs.ts'
import { readMeta } from './meta.ts'
import type { ClipService, Found } from './service.ts'
import type { PoolFigures } from './worker-pool.ts'

export interface RootEntry {
  readonly kind: 'session' | 'handoff'
  readonly what: string
  readonly bytes: number
  readonly more: string
}

export interface Stats {
  readonly pid: number
  readonly uptimeSeconds: number
  readonly memory: { readonly rss: number; readonly heapUsed: number }
  readonly pool: PoolFigures
  readonly jobs: ReturnType<JobBook['counts']>
  readonly manager: ManagerStats
  /** What the page checks before it sends a clip. */
  readonly limits: { readonly fileBytes: number }
  readonly found: Found
  /** `bytes` counts everything, `files` leaves the library's own records out. */
  readonly root: { readonly bytes: number; readonly files: number; readonly entries: readonly RootEntry[] }
}

/** Files that every session has of its own: its record and two leases. */
const RECORDS = 3
/** Files that a claimed handoff has of its own: its record and its attempt. */
const CLAIM_RECORDS = 2

export async function readStats({ manager, jobs, found }: ClipService): Promise<Stats> {
  const { rss, heapUsed } = process.memoryUsage()
  const usage = await manager.usage()
  const claimed = usage.handoffs.filter((handoff) => handoff.state === 'claimed').length
  return {
    pid: process.pid,
    uptimeSeconds: Math.round(process.uptime()),
    memory: { rss, heapUsed },
    pool: jobs.pool.figures(),
    jobs: jobs.counts(),
    manager: manager.stats(),
    limits: { fileBytes: clipLimit },
    found,
    root: {
      bytes: usage.bytes,
      files: Math.max(0, usage.files - RECORDS * usage.sessions.length - CLAIM_RECORDS * claimed),
      entries: [...usage.sessions.map(describeSession), ...usage.handoffs.map(describeHandoff)],
    },
  }
}

function describeSession({ name, pid, verdict, files, bytes }: SessionUsage): RootEntry {
  const more = files > RECORDS ? `${plural(files - RECORDS)} besides its own records` : 'only its own records'
  return {
    kind: 'session',
    what: `pid ${pid ?? '?'}  ${name}`,
    bytes,
    more: `${verdict}, ${more}`,
  }
}

function plural(files: number): string {
  return files === 1 ? '1 file' : `${files} files`
}

function describeHandoff({ ticket, name, bytes, attempts, claimant, meta }: HandoffInfo): RootEntry {
  const holder = claimant === undefined ? 'waits to be claimed' : `claimed by pid ${claimant.pid ?? '?'}`
  return {
    kind: 'handoff',
    what: `${ticket.slice(0, 6)}…  ${readMeta(meta)?.kind ?? 'foreign'} ${name ?? ''}`,
    bytes,
    more: `${holder}, attempt ${attempts}`,
  }
}
