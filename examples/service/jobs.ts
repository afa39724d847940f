// The job book. Guarantee: a job lives exactly as long as its files. It is created when a clip is handed off, found again
// from the handoffs when the server restarts, and removed when its result is discarded.

import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { type Claim, isTempFileError, type TempFile, type TempFileManager } from 'temp-file-manager'
import type { ClipDone } from './make-result.ts'
import { type ClipMeta, type ResultMeta, readMeta } from './meta.ts'
import type { ClipProgress } from './process-clip.ts'
import { WorkerPool } from './worker-pool.ts'

/** How often a clip is tried before its job fails. */
const ATTEMPTS = 3

export interface Job {
  readonly id: string
  readonly name: string
  readonly bytes: number
  readonly sha256: string
  readonly state: 'queued' | 'working' | 'done' | 'failed'
  /** 0 to 100. */
  readonly progress: number
  /** The number of this attempt at the clip; more than 1 after a crash. */
  readonly attempt: number
  /** Present when done. */
  readonly result?: Pick<ResultMeta, 'name' | 'type' | 'bytes' | 'sha256' | 'madeBy'>
  /** Present when failed. */
  readonly error?: string
}

/** The facts of an upload that a job needs. */
export interface Upload extends TempFile {
  readonly originalName: string
  readonly bytes: number
  readonly digest: string | undefined
}

export class JobBook {
  readonly pool: WorkerPool
  readonly #manager: TempFileManager
  readonly #jobs = new Map<string, Job>()
  readonly #results = new Map<string, Claim<ResultMeta>>()
  /** Discarded while a worker had them. */
  readonly #cancelled = new Set<string>()
  readonly #work: boolean
  #closing = false
  #tidied: Promise<unknown> = Promise.resolve()

  /** With `work: false` this process only receives: another one, or a later start, does the jobs. */
  constructor(manager: TempFileManager, options: { readonly work: boolean }) {
    this.#manager = manager
    this.#work = options.work
    this.pool = new WorkerPool({
      progress: (progress) => this.#note(progress),
      threadEnded: () => this.#tidy(),
    })
  }

  get(id: string): Job | undefined {
    return this.#jobs.get(id)
  }

  counts(): Record<Job['state'], number> {
    const counts = { queued: 0, working: 0, done: 0, failed: 0 }
    for (const job of this.#jobs.values()) counts[job.state] += 1
    return counts
  }

  /** Takes an upload over from its request. When this resolves the clip survives the request and the server. */
  async submit(upload: Upload): Promise<Job> {
    const meta: ClipMeta = {
      kind: 'clip',
      job: randomUUID(),
      name: upload.originalName,
      bytes: upload.bytes,
      sha256: upload.digest ?? '',
    }
    const ticket = await upload.handOff({ meta })
    return this.#begin(ticket, meta)
  }

  /** Finds the jobs that an earlier process left open. Returns how many. */
  async recover(): Promise<number> {
    const left = []
    for (const info of await this.#manager.handoffs()) {
      const meta = readMeta(info.meta)
      if (meta !== undefined && info.state === 'available') left.push({ ticket: info.ticket, meta })
    }
    // Results first: a clip whose result is there was finished by a worker that died before it reported that.
    for (const { ticket, meta } of left) {
      if (meta.kind === 'result') await this.#shelve({ ticket, result: meta })
    }
    for (const { ticket, meta } of left) {
      if (meta.kind !== 'clip') continue
      if (this.#results.has(meta.job)) await this.#manager.discard(ticket)
      else this.#begin(ticket, meta)
    }
    return this.#jobs.size
  }

  /** The finished file, for as many readers as there are. */
  result(id: string): Claim<ResultMeta> | undefined {
    return this.#results.get(id)
  }

  async discard(id: string): Promise<void> {
    const result = this.#results.get(id)
    const state = this.#jobs.get(id)?.state
    if (state === 'queued' || state === 'working') this.#cancelled.add(id)
    this.#results.delete(id)
    this.#jobs.delete(id)
    await result?.complete()
  }

  /** Running work ends, waiting work stays handed off. Results are given back when the manager closes. */
  async close(): Promise<void> {
    this.#closing = true
    await this.pool.close()
    await this.#tidied
  }

  #begin(ticket: string, meta: ClipMeta): Job {
    const { job: id, name, bytes, sha256 } = meta
    const job: Job = { id, name, bytes, sha256, state: 'queued', progress: 0, attempt: 0 }
    this.#jobs.set(id, job)
    if (this.#work) void this.#run(ticket, id)
    return job
  }

  async #run(ticket: string, id: string): Promise<void> {
    for (let round = 1; ; round += 1) {
      try {
        const done = await this.pool.run({ ticket })
        return this.#cancelled.delete(id)
          ? await this.#manager.discard(done.ticket)
          : await this.#shelve(done)
      } catch (error) {
        if (this.#closing) return
        if (this.#cancelled.has(id)) round = ATTEMPTS
        const code = isTempFileError(error) ? error.code : undefined
        // Held: the pool reports a crashed thread a moment before the thread has ended. That does not count.
        if (code === 'ERR_TEMP_HANDOFF_CLAIMED') {
          round -= 1
          await setTimeout(50)
          continue
        }
        // Gone: it cannot be tried again. Otherwise the clip was released or given back, and waits to be claimed.
        const gone = code === 'ERR_TEMP_HANDOFF_GONE'
        if (!gone && round < ATTEMPTS) continue
        this.#update(id, { state: 'failed', error: error instanceof Error ? error.message : String(error) })
        // Nobody takes this clip any more, so its ticket must not stay behind.
        if (!gone) await this.#manager.discard(ticket).catch(() => undefined)
        this.#cancelled.delete(id)
        return
      }
    }
  }

  /** Claims a result for as long as it is offered: nobody else can take it, and no sweep can expire it. */
  async #shelve({ ticket, result }: Pick<ClipDone, 'ticket' | 'result'>): Promise<void> {
    const claim = await this.#manager.claim<ResultMeta>(ticket)
    const { name, type, bytes, sha256, madeBy, upload, attempt } = result
    this.#results.set(result.job, claim)
    this.#jobs.set(result.job, {
      ...{ id: result.job, name: upload.name, bytes: upload.bytes, sha256: upload.sha256 },
      ...{ state: 'done', progress: 100, attempt, result: { name, type, bytes, sha256, madeBy } },
    })
  }

  /** A thread that the pool ended could not clean up: a sweep proves it dead and removes its session. One sweep at a time. */
  #tidy(): void {
    this.#tidied = this.#tidied.then(() => this.#manager.sweep()).catch(() => undefined)
  }

  #note({ job, attempt, percent }: ClipProgress): void {
    if (this.#jobs.get(job)?.state !== 'done')
      this.#update(job, { state: 'working', progress: percent, attempt })
  }

  #update(id: string, change: Partial<Job>): void {
    const job = this.#jobs.get(id)
    if (job !== undefined) this.#jobs.set(id, { ...job, ...change })
  }
}
