// The state that the operations of one S3Handoffs share: a bucket, its records, the settings, and the claims that are held.

import { TempFileError } from '../errors.ts'
import { getTempManager, type TempFileManager } from '../index.ts'
import { CLOSING } from '../runtime/manager-members.ts'
import { log } from '../runtime/observe.ts'
import { Bucket } from './bucket.ts'
import type { ClaimLease } from './claim-lease.ts'
import { Keys } from './keys.ts'
import { Records } from './records.ts'
import { type Budget, budgetOf } from './retry.ts'
import type { StoreSettings } from './s3-options.ts'
import type { RequestLimits } from './store-request.ts'
import type { LiveRecord } from './ticket-record.ts'

export class Store {
  readonly bucket: Bucket
  readonly keys: Keys
  readonly records: Records
  readonly manager: TempFileManager | undefined
  readonly leaseMs: number
  readonly timeoutMs: number
  readonly ttlMs: number
  readonly maxAttempts: number | undefined
  /** Claims that are neither completed nor released. */
  readonly leases = new Set<ClaimLease>()

  constructor(settings: StoreSettings) {
    this.bucket = new Bucket(settings.client, settings.bucket)
    this.keys = new Keys(settings.prefix)
    this.records = new Records(this.bucket, this.keys, settings.timeoutMs)
    this.manager = settings.manager
    this.leaseMs = settings.leaseMs
    this.timeoutMs = settings.timeoutMs
    this.ttlMs = settings.ttlMs
    this.maxAttempts = settings.maxAttempts
  }

  /** The manager that claims are downloaded to. @throws ERR_TEMP_CLOSED */
  openManager(): TempFileManager {
    const manager = this.manager ?? getTempManager()
    closingOf(manager)?.throwIfAborted()
    return manager
  }

  limits(signal?: AbortSignal | undefined): RequestLimits {
    return { timeoutMs: this.timeoutMs, signal }
  }

  budget(signal?: AbortSignal | undefined): Budget {
    return budgetOf(this.timeoutMs, signal)
  }

  /** After the tombstone is stored: data that cannot be deleted now is deleted by a sweep. */
  async deleteData({ ticket, ttlMs }: Pick<LiveRecord, 'ticket' | 'ttlMs'>): Promise<void> {
    try {
      await this.bucket.delete(this.keys.data(ticket, ttlMs), this.limits())
    } catch (error) {
      log.handoff('data of %s not deleted yet: %O', ticket, error)
    }
  }
}

/** Aborts when the manager closes. Undefined for a manager of a version that has no such signal. */
export function closingOf(manager: TempFileManager): AbortSignal | undefined {
  return (manager as { readonly [CLOSING]?: AbortSignal })[CLOSING] // not a member of the public type
}

export function closedError(): TempFileError {
  return new TempFileError(
    'ERR_TEMP_CLOSED',
    'This S3Handoffs is closed. Create a new one, or close this one after its last use.',
  )
}
