// The proof that a session's owner lives: its leases, and the record that names them. Guarantee: each is bound at most
// once, a lease that other code closed is bound again at the next refresh, and nothing here throws.

import fs from 'node:fs'
import type { Context } from '../context.ts'
import { writeRecord } from '../disk/record-file.ts'
import { errnoOf } from '../errors.ts'
import { inside, OWNER, uniqueText } from '../layout.ts'
import { askLease, bindLease, bindLeases, type Lease, type SessionPlace } from '../liveness/lease.ts'
import { ownIdentity } from '../liveness/process-identity.ts'
import { platform } from '../platform/index.ts'
import { log } from '../runtime/observe.ts'
import { ownerRecord } from './create-session.ts'
import { warnWithoutProof } from './without-proof.ts'

export class Proof {
  readonly #context: Context
  readonly #place: SessionPlace
  #leases: readonly Lease[] = []
  /** The leases were bound, as far as the system has them. */
  #proved = false
  /** The record holds all that this process can know of itself. */
  #recorded = false

  constructor(context: Context, place: SessionPlace) {
    this.#context = context
    this.#place = place
  }

  get proved(): boolean {
    return this.#proved
  }

  get leasePaths(): readonly string[] {
    return this.#leases.map((lease) => inside(this.#place.directory, lease.name))
  }

  /** Binds the leases and completes the record. Until then only the process table proves that the owner lives. Idempotent. */
  prove(): void {
    if (this.#proved) return
    this.#proved = true
    this.#leases = bindLeases(this.#place)
    this.#writeRecord()
    warnWithoutProof(this.#context, this.#leases.length > 0)
  }

  /** The descriptor of a lease; undefined where there is none. */
  descriptor(): number | undefined {
    return this.#leases.map((lease) => lease.descriptor()).find((fd) => fd !== undefined)
  }

  /**
   * Binds the leases that were closed by other code, and those that could not be bound before, such as when the process
   * was out of descriptors. `mayWrite` is asked after the leases were, immediately before the first change.
   */
  async renew(mayWrite: () => boolean): Promise<void> {
    const bound = new Map(this.#leases.map((lease) => [lease.name, lease]))
    const lost: Lease[] = []
    for (const lease of this.#leases)
      if ((await askLease(this.#place, lease.name)) === 'refuses') lost.push(lease)
    const complete = lost.length === 0 && bound.size === platform().lease.names.length
    if ((complete && this.#recorded) || !mayWrite()) return
    for (const lease of lost) {
      lease.close()
      bound.delete(lease.name)
    }
    this.#leases = platform().lease.names.flatMap(
      (name) => bound.get(name) ?? bindLease(this.#place, name) ?? [],
    )
    // The record follows the socket: between the two renames the lease proves nothing, and the pid still does.
    this.#writeRecord()
    if (lost.length > 0) log.session('%d leases were closed by other code; bound again', lost.length)
  }

  release(): void {
    for (const lease of this.#leases) lease.close()
    this.#leases = []
  }

  /** Uses Node's own file system, as the sockets do. After a failure the next {@link renew} writes the record. */
  #writeRecord(): void {
    const { directory, id } = this.#place
    const draft = inside(directory, `.owner-${uniqueText(13)}`)
    try {
      const { complete } = ownIdentity()
      writeRecord(fs, draft, ownerRecord(this.#context, id, this.#leases))
      fs.renameSync(draft, inside(directory, OWNER))
      this.#recorded = complete
    } catch (error) {
      log.session('the record could not be completed: %s', errnoOf(error))
      try {
        fs.unlinkSync(draft)
      } catch {} // it was not created, or is removed with the session
    }
  }
}
