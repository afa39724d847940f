// What GET /stats answers: the process, the pool, the jobs, and the temp root as it lies on disk. Promise: no
// path leaves the server, and tickets are shortened, since whoever has one in this root may claim it.

import type { JobBook } from './jobs.ts'
import { readMeta } from './meta.ts'
import type { ClipService } from './service.ts'
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
  readonly manager: unknown
  readonly found: ClipService['found']
  readonly root: { readonly bytes: number; readonly entries: readonly RootEntry[] }
}

export async function readStats({ manager, jobs, found }: ClipService): Promise<Stats> {
  const { rss, heapUsed } = process.memoryUsage()
  const usage = await manager.usage()
  const sessions = usage.sessions.map(
    (session): RootEntry => ({
      kind: 'session',
      what: `${session.id.slice(0, 8)}  pid ${session.pid}`,
      bytes: session.bytes,
      more: `${session.entries} files, ${session.claims} claims`,
    }),
  )
  const handoffs = usage.handoffs.map((handoff): RootEntry => {
    const meta = readMeta(handoff.meta)
    const holder =
      handoff.claimedBy === undefined ? 'waiting to be claimed' : `claimed by pid ${handoff.claimedBy.pid}`
    return {
      kind: 'handoff',
      what: `${handoff.ticket.slice(0, 6)}…  ${meta?.kind ?? ''} ${handoff.name}`,
      bytes: handoff.bytes,
      more: `${holder}, attempt ${handoff.attempts}`,
    }
  })
  const entries = [...sessions, ...handoffs]
  return {
    pid: process.pid,
    uptimeSeconds: Math.round(process.uptime()),
    memory: { rss, heapUsed },
    pool: jobs.pool.figures(),
    jobs: jobs.counts(),
    manager: manager.stats(),
    found,
    root: { bytes: entries.reduce((sum, entry) => sum + entry.bytes, 0), entries },
  }
}
