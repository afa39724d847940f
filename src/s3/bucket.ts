// The requests to one bucket, as plain functions of keys and bytes. Guarantee: the only module that knows the SDK's
// commands; every answer that a decision depends on comes with the store's Date.

import type { Readable } from 'node:stream'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import type { ByteRange } from '../types.ts'
import type { Moment } from './server-time.ts'
import { type Answer, type RequestLimits, send, sha256Of, signDigest } from './store-request.ts'

/** The condition of a PUT. An ETag is passed as the store gave it. */
export type Condition = { readonly absent: true } | { readonly etag: string }

/** An object in a listing. */
export interface Listed {
  readonly key: string
  readonly bytes: number
  readonly modifiedMs: number
}

export interface Page<T, Start = string> {
  readonly items: readonly T[]
  /** The start of the next page; undefined after the last one. */
  readonly next: Start | undefined
}

export interface OpenUpload {
  readonly key: string
  readonly uploadId: string
  readonly startedMs: number
}

/** As the store gave it: uploads of one key have an order that only the store knows. */
interface UploadsMarker {
  readonly KeyMarker: string | undefined
  readonly UploadIdMarker: string | undefined
}

/** A part of a multipart upload that the store has accepted. */
export interface StoredPart {
  readonly number: number
  readonly etag: string
  readonly sha256: Buffer
}

export class Bucket {
  readonly client: S3Client
  readonly name: string
  /** Set by the probe: Ceph compares If-Match without quotes, other stores with them. */
  quoteEtags = false

  constructor(client: S3Client, name: string) {
    this.client = client
    this.name = name
  }

  /** Returns the new ETag. Rejects with 412 when the condition does not hold. */
  async put(
    key: string,
    body: Buffer,
    limits: RequestLimits,
    condition?: Condition,
  ): Promise<Answer<string> & { readonly sha256: Buffer }> {
    const sha256 = sha256Of(body)
    const command = new PutObjectCommand({
      Bucket: this.name,
      Key: key,
      Body: body,
      ContentType: 'application/octet-stream',
      ChecksumSHA256: sha256.toString('base64'),
      ...this.#header(condition),
    })
    const { value, ...rest } = await send(this.client, signDigest(command, sha256), limits)
    return { ...rest, value: required(value, 'ETag'), sha256 }
  }

  /** A small object, whole. Rejects with 404 when there is none. */
  get(key: string, maxBytes: number, limits: RequestLimits): Promise<Answer<StoredObject>> {
    return send(
      this.client,
      new GetObjectCommand({ Bucket: this.name, Key: key }),
      limits,
      async (output) => {
        const { Body, ContentLength = 0 } = output as GetOutput // of a GetObjectCommand
        const fits = Body !== undefined && ContentLength <= maxBytes
        if (!fits) Body?.destroy()
        const bytes = fits ? Buffer.concat(await Body.toArray()) : undefined
        return { bytes, etag: required(output, 'ETag') }
      },
    )
  }

  /** A range of an object's bytes. The stream must be read or destroyed. */
  async read(key: string, { start, end }: ByteRange, limits: RequestLimits): Promise<Readable> {
    // A range, for all bytes too: of a whole object the SDK would compute the store's checksum once more.
    const { value } = await send(
      this.client,
      new GetObjectCommand({ Bucket: this.name, Key: key, Range: `bytes=${start}-${end - 1}` }),
      limits,
    )
    return (value as GetOutput).Body as Readable // Node's handler gives an IncomingMessage
  }

  /** The size of an object. */
  async size(key: string, limits: RequestLimits): Promise<Answer<number>> {
    const { value, ...rest } = await send(
      this.client,
      new HeadObjectCommand({ Bucket: this.name, Key: key }),
      limits,
    )
    return { ...rest, value: Number(field(value, 'ContentLength') ?? 0) }
  }

  async delete(key: string, limits: RequestLimits): Promise<void> {
    await send(this.client, new DeleteObjectCommand({ Bucket: this.name, Key: key }), limits)
  }

  /** Up to 1,000 objects in the order of their keys. `after`: a key, or the `next` of a page. */
  async list(
    prefix: string,
    after: string | undefined,
    limits: RequestLimits,
  ): Promise<Answer<Page<Listed>>> {
    const command = new ListObjectsV2Command({ Bucket: this.name, Prefix: prefix, StartAfter: after })
    const { value, ...rest } = await send(this.client, command, limits)
    const { Contents = [], IsTruncated } = value as ListOutput // of a ListObjectsV2Command
    const items = Contents.map(({ Key = '', Size = 0, LastModified }) => ({
      key: Key,
      bytes: Size,
      modifiedMs: LastModified?.getTime() ?? 0,
    }))
    return { ...rest, value: { items, next: IsTruncated === true ? items.at(-1)?.key : undefined } }
  }

  async startUpload(key: string, limits: RequestLimits): Promise<string> {
    const { value } = await send(
      this.client,
      new CreateMultipartUploadCommand({ Bucket: this.name, Key: key, ChecksumAlgorithm: 'SHA256' }),
      limits,
    )
    return required(value, 'UploadId')
  }

  async putPart(
    upload: { readonly key: string; readonly uploadId: string },
    number: number,
    body: Buffer,
    limits: RequestLimits,
  ): Promise<StoredPart> {
    const sha256 = sha256Of(body)
    const command = new UploadPartCommand({
      Bucket: this.name,
      Key: upload.key,
      UploadId: upload.uploadId,
      PartNumber: number,
      Body: body,
      ChecksumSHA256: sha256.toString('base64'),
    })
    const { value } = await send(this.client, signDigest(command, sha256), limits)
    return { number, etag: required(value, 'ETag'), sha256 }
  }

  async completeUpload(
    upload: { readonly key: string; readonly uploadId: string },
    parts: readonly StoredPart[],
    limits: RequestLimits,
  ): Promise<Moment> {
    const Parts = parts.map(({ number, etag, sha256 }) => ({
      PartNumber: number,
      ETag: etag,
      ChecksumSHA256: sha256.toString('base64'),
    }))
    const command = new CompleteMultipartUploadCommand({
      Bucket: this.name,
      Key: upload.key,
      UploadId: upload.uploadId,
      MultipartUpload: { Parts },
    })
    const { value, moment } = await send(this.client, command, limits)
    required(value, 'ETag')
    return moment
  }

  async abortUpload(
    upload: { readonly key: string; readonly uploadId: string },
    limits: RequestLimits,
  ): Promise<void> {
    await send(
      this.client,
      new AbortMultipartUploadCommand({ Bucket: this.name, Key: upload.key, UploadId: upload.uploadId }),
      limits,
    )
  }

  /** Up to 1,000 multipart uploads that were started and neither completed nor aborted. `after`: the `next` of a page. */
  async openUploads(
    prefix: string,
    after: UploadsMarker | undefined,
    limits: RequestLimits,
  ): Promise<Answer<Page<OpenUpload, UploadsMarker>>> {
    const command = new ListMultipartUploadsCommand({ Bucket: this.name, Prefix: prefix, ...after })
    const { value, ...rest } = await send(this.client, command, limits)
    const { Uploads = [], IsTruncated, ...last } = value as UploadsOutput // of a ListMultipartUploadsCommand
    const items = Uploads.map(({ Key = '', UploadId = '', Initiated }) => ({
      key: Key,
      uploadId: UploadId,
      startedMs: Initiated?.getTime() ?? 0,
    }))
    // Ceph counts parts too, so a page may be short or empty and not be the last one.
    const isLast = IsTruncated !== true || last.NextKeyMarker === undefined
    const next = isLast
      ? undefined
      : { KeyMarker: last.NextKeyMarker, UploadIdMarker: last.NextUploadIdMarker }
    return { ...rest, value: { items, next } }
  }

  #header(condition: Condition | undefined): { IfNoneMatch?: string; IfMatch?: string } {
    if (condition === undefined) return {}
    if ('absent' in condition) return { IfNoneMatch: '*' }
    const plain = condition.etag.replaceAll('"', '')
    return { IfMatch: this.quoteEtags ? `"${plain}"` : plain }
  }
}

export interface StoredObject {
  /** Undefined when it is larger than the caller accepts. */
  readonly bytes: Buffer | undefined
  readonly etag: string
}

interface GetOutput {
  readonly Body?: Readable
  readonly ContentLength?: number
}
interface ListOutput {
  readonly Contents?: readonly { Key?: string; Size?: number; LastModified?: Date }[]
  readonly IsTruncated?: boolean
}
interface UploadsOutput {
  readonly Uploads?: readonly { Key?: string; UploadId?: string; Initiated?: Date }[]
  readonly IsTruncated?: boolean
  readonly NextKeyMarker?: string
  readonly NextUploadIdMarker?: string
}

/**
 * A proxy may answer 200 for a store that it did not ask. Without an ETag nothing was stored, and no condition could name
 * it: the request is repeated, as after any broken answer.
 */
function required(output: object, name: 'ETag' | 'UploadId'): string {
  const value = field(output, name)
  if (typeof value === 'string' && value !== '') return value
  throw Object.assign(new Error(`The answer has no ${name}.`), { $metadata: { httpStatusCode: 200 } })
}

function field(output: object, name: string): unknown {
  return (output as Readonly<Record<string, unknown>>)[name] // read by name, and converted by the caller
}
