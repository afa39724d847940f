// When a manager's background work begins. Guarantee: a program that ends with its synchronous code pays for none of it; in
// any other one it begins when the event loop turns, also if its code could not be loaded at first.

import type { Context } from '../context.ts'
import { messageOf } from '../errors.ts'
import { loadOperations } from '../on-demand.ts'
import { ifLoopTurns } from '../runtime/loop-turn.ts'
import { log } from '../runtime/observe.ts'
import type { Session } from '../session/session.ts'
import { EndedThreads } from './ended-threads.ts'
import { Maintenance } from './maintenance.ts'
import type { SweepReport } from './report.ts'
import type { SweepRequest } from './sweep-options.ts'

/** Milliseconds until what could not be loaded is tried again: CommonJS loads the code when it is used. */
const AGAIN_MS = 1000

export class Upkeep {
  readonly #context: Context
  readonly #session: () => Session | undefined
  readonly #onLost: () => void
  readonly #endedThreads: EndedThreads
  readonly #cancelTurn: () => void
  #maintenance: Maintenance | undefined
  #used = false
  #stopped = false
  #again: NodeJS.Timeout | undefined

  constructor(context: Context, session: () => Session | undefined, onLost: () => void) {
    this.#context = context
    this.#session = session
    this.#onLost = onLost
    this.#endedThreads = new EndedThreads(context)
    if (context.native && context.sweepOnStart) this.#endedThreads.start()
    this.#cancelTurn = ifLoopTurns(() => this.#turned())
  }

  /** At the manager's first use, whether or not a session could be created. */
  start(): void {
    this.#used = true
    this.#maintenance?.start()
    if (this.#context.native) this.#endedThreads.start()
  }

  /** A session was created. */
  begin(session: Session): void {
    if (this.#context.sharedVolume !== undefined) this.#try((maintenance) => maintenance.begin(session))
  }

  /** The disk was full: a crash may have filled it. */
  soon(): void {
    this.#try((maintenance) => maintenance.soon())
  }

  sweep(options: SweepRequest): Promise<SweepReport> {
    return this.#open().sweep(options)
  }

  cancel(): void {
    this.#stopped = true
    this.#cancelTurn()
    clearTimeout(this.#again)
    this.#maintenance?.cancel()
    this.#endedThreads.cancel()
  }

  /** As {@link cancel}, and waits until what runs has come to a clean stop. */
  async stop(): Promise<void> {
    this.cancel()
    await Promise.all([this.#maintenance?.stop(), this.#endedThreads.stop()])
  }

  #turned(): void {
    loadOperations().catch(() => {}) // the operation that needs them reports a failure
    this.#try((maintenance) => {
      if (this.#used) maintenance.start()
      else maintenance.startWhenIdle()
      const session = this.#again === undefined ? undefined : this.#session()
      if (session !== undefined) maintenance.begin(session)
    })
  }

  /** Work that nobody waits for. */
  #try(work: (maintenance: Maintenance) => void): void {
    if (this.#stopped) return
    try {
      work(this.#open())
    } catch (error) {
      log.sweep('the background work could not begin yet: %s', messageOf(error))
      clearTimeout(this.#again)
      this.#again = setTimeout(() => this.#turned(), AGAIN_MS)
      this.#again.unref()
    }
  }

  #open(): Maintenance {
    this.#maintenance ??= new Maintenance(this.#context, this.#session, this.#onLost)
    return this.#maintenance
  }
}
