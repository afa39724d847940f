// The names that all hosts share: the queue, the members of a job, and the way to open the store.

import { S3Client } from '@aws-sdk/client-s3'
import { Redis } from 'ioredis'
import type { TempFileManager } from 'temp-file-manager'
import { S3Handoffs } from 'temp-file-manager/s3'

export const QUEUE = 'across-hosts'
export const BUCKET = 'across-hosts'

export interface ClipJob {
  readonly ticket: string
  readonly bytes: number
}

/** The point at which a worker's cable is cut. */
export type Step = 'claim' | 'download' | 'renew' | 'publish' | 'complete'

/** From the example to a worker: report when you begin this step; undefined: go on. */
export interface CutOrder {
  readonly cutIn: Step | undefined
}

/** From a worker: it begins the step, or it has claimed a ticket. */
export interface WorkerReport {
  readonly begins?: Step
  readonly claimed?: string
}

/** A lease short enough that the example need not wait a minute to see a killed worker's clip again. */
export const LEASE_MS = 5000

export interface ClipResult {
  /** The result's own ticket. */
  readonly ticket: string
  readonly sha256: string
}

export function connectRedis(): Redis {
  return new Redis(process.env['REDIS_URL'] ?? '', { maxRetriesPerRequest: null })
}

export function openClient(): S3Client {
  return new S3Client({
    endpoint: process.env['S3_ENDPOINT'] ?? '',
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: {
      accessKeyId: process.env['S3_ACCESS_KEY_ID'] ?? '',
      secretAccessKey: process.env['S3_SECRET_ACCESS_KEY'] ?? '',
    },
  })
}

export function openStore(manager: TempFileManager): S3Handoffs {
  return new S3Handoffs({ client: openClient(), bucket: BUCKET, manager, lease: LEASE_MS, timeout: '4s' })
}
