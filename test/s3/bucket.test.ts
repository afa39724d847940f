import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { UploadPartCommand } from '@aws-sdk/client-s3'
import { describe, expect, it, onTestFinished } from 'vitest'
import { randomText } from '../../src/layout.ts'
import { Bucket } from '../../src/s3/bucket.ts'
import { failureOf } from '../../src/s3/store-failure.ts'
import { send, signDigest } from '../../src/s3/store-request.ts'
import { BUCKET, gateway, haveCeph, needsCeph, newClient } from '../fixtures/ceph.ts'

const LIMITS = { timeoutMs: 10_000 }

it('a 200 of a proxy that did not ask the store is a broken answer: nothing counts as stored or read', async () => {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.end('<html>Log in</html>'))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // it listens on TCP
  const client = newClient({
    endpoint: `http://127.0.0.1:${port}`,
    accessKeyId: 'KEY',
    secretAccessKey: 'SECRET',
  })
  onTestFinished(() => {
    client.destroy()
    server.close()
  })
  const bucket = new Bucket(client, BUCKET)
  const upload = { key: 'k', uploadId: 'u' }
  const part = { number: 1, etag: 'e', sha256: Buffer.alloc(32) }
  for (const request of [
    () => bucket.put('k', Buffer.from('1'), LIMITS, { absent: true }),
    () => bucket.get('k', 100, LIMITS),
    () => bucket.startUpload('k', LIMITS),
    () => bucket.putPart(upload, 1, Buffer.from('1'), LIMITS),
    () => bucket.completeUpload(upload, [part], LIMITS),
  ]) {
    const answer = await request().catch(failureOf)
    expect(answer).toBe('passing')
  }
})

describe.skipIf(!haveCeph)(`buckets${needsCeph}`, () => {
  it('a bucket refuses a part whose bytes are not those of its digest', async () => {
    const client = newClient(await gateway())
    const bucket = new Bucket(client, BUCKET)
    const key = randomText(8)
    const upload = { key, uploadId: await bucket.startUpload(key, LIMITS) }
    const Body = Buffer.from('damaged on the way')
    const sha256 = createHash('sha256').update('what was hashed').digest()
    const command = new UploadPartCommand({
      Bucket: BUCKET,
      Key: key,
      UploadId: upload.uploadId,
      PartNumber: 1,
      Body,
    })
    await expect(send(client, signDigest(command, sha256), LIMITS)).rejects.toMatchObject({
      $metadata: { httpStatusCode: 400 },
    })
    await bucket.abortUpload(upload, LIMITS)
    client.destroy()
  })

  it('a bucket replaces an object only over the version that was seen', async () => {
    const client = newClient(await gateway())
    const bucket = new Bucket(client, BUCKET)
    const key = randomText(8)
    const { value: etag } = await bucket.put(key, Buffer.from('1'), LIMITS, { absent: true })
    await bucket.put(key, Buffer.from('2'), LIMITS, { etag })
    await expect(bucket.put(key, Buffer.from('3'), LIMITS, { etag })).rejects.toMatchObject({
      $metadata: { httpStatusCode: 412 },
    })
    expect((await bucket.get(key, 10, LIMITS)).value.bytes?.toString()).toBe('2')
    expect((await bucket.get(key, 0, LIMITS)).value.bytes).toBeUndefined()
    await bucket.delete(key, LIMITS)
    client.destroy()
  })
})
