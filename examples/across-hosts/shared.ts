// What the hosts agree on: the queue, what a job carries, and how the store is opened.

import { S3Client } from '@aws-sdk/client-s3'
import { Redis } from 'ioredis'
import type { TempFileManager } from 'temp-file-manager'
import { S3Handoffs } from 'temp-file-manager/s3'

export const QUEUE = 'across-hosts'
export const BUCKET = 'across-hosts'

export interface ClipJob {
  readonly ticket: string
}

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
  // A short lease, so that the example need not wait a minute to see a killed worker's clip again.
  return new S3Handoffs({ client: openClient(), bucket: BUCKET, manager, lease: '5s', timeout: '4s' })
}
