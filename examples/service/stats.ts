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
  /** The rules that the page checks before it sends a clip. */
  readonly limits: { readonly fileBytes: number }
  readonly found: Found
  /** The files on disk, without the library's own records. */
  readonly root: { readonly bytes: number; readonly files: number; readonly entries: readonly RootEntry[] }
}

export async function readStats({ manager, jobs, found }: ClipService): Promise<Stats> {
  const { rss, heapUsed } = process.memoryUsage()
  const usage = await manager.usage()
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
      files: usage.files,
      entries: [...usage.sessions.map(describeSession), ...usage.handoffs.map(describeHandoff)],
    },
  }
}

function describeSession({ name, pid, verdict, files, bytes }: SessionUsage): RootEntry {
  const more = files > 0 ? `${plural(files)} besides its own records` : 'only its own records'
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
