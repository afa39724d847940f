// Conformance with real clients: tus-js-client in Node, and requests by hand for what it does not send.

import { execFile, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Upload } from 'tus-js-client'
import { expect, onTestFinished, test } from 'vitest'
import type { TempFileManager } from '../../src/index.ts'
import { type FinishedTusUpload, type TusOptions, tusServer } from '../../src/tus/index.ts'
import { has } from '../fixtures/mounts.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

interface Running {
  readonly manager: TempFileManager
  readonly url: string
  readonly finished: FinishedTusUpload[]
}

async function running(options: Partial<TusOptions> = {}, manager = tempManager()): Promise<Running> {
  const finished: FinishedTusUpload[] = []
  const tus = tusServer(manager, {
    path: '/files',
    onFinish: async (upload) => {
      finished.push(upload)
      return {}
    },
    ...options,
  })
  const server = createServer((req, res) => void tus.handle(req, res)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo // it listens on a port
  return { manager, finished, url: `http://127.0.0.1:${port}/files` }
}

/** Uploads with tus-js-client; resolves with the upload's URL. */
function send(
  url: string,
  bytes: Buffer,
  options: ConstructorParameters<typeof Upload>[1] = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const upload = new Upload(bytes, {
      endpoint: url,
      retryDelays: [0, 50, 100],
      ...options,
      onError: reject,
      onSuccess: () => resolve(upload.url ?? ''),
    })
    upload.start()
  })
}

const TUS = { 'Tus-Resumable': '1.0.0' }
const PATCH = { ...TUS, 'Content-Type': 'application/offset+octet-stream' }

async function create(url: string, headers: Record<string, string>): Promise<string> {
  const response = await fetch(url, { method: 'POST', headers: { ...TUS, ...headers } })
  expect(response.status).toBe(201)
  return response.headers.get('location') ?? ''
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

test('a file that tus-js-client sends in pieces becomes one handoff with its metadata', async () => {
  const { manager, url, finished } = await running({ hash: 'sha256' })
  const bytes = randomBytes(1_000_000)
  await send(url, bytes, {
    chunkSize: 300_000,
    metadata: { filename: 'film.mkv', filetype: 'video/x-matroska' },
  })
  expect(finished).toMatchObject([{ bytes: 1_000_000, digest: sha256(bytes), originalName: 'film.mkv' }])
  await using claim = await manager.claim(finished[0]?.ticket ?? '')
  expect(sha256(readFileSync(claim.path))).toBe(sha256(bytes))
})

test('creation-with-upload: a whole file in the creating request', async () => {
  const { url, finished } = await running()
  await send(url, randomBytes(5000), { uploadDataDuringCreation: true })
  expect(finished).toMatchObject([{ bytes: 5000 }])
})

test('creation-defer-length: the length comes with a later request', async () => {
  const { url, finished } = await running()
  await send(url, randomBytes(5000), { uploadLengthDeferred: true, chunkSize: 2000 })
  expect(finished).toMatchObject([{ bytes: 5000 }])
})

test('concatenation: parallel uploads end as one file, and no part is left', async () => {
  const { manager, url, finished } = await running({ hash: 'sha256' })
  const bytes = randomBytes(900_000)
  await send(url, bytes, { parallelUploads: 3 })
  expect(finished).toMatchObject([{ bytes: 900_000, digest: sha256(bytes) }])
  expect((await manager.uploads()).map((upload) => upload.state)).toEqual(['finished'])
})

test('an interrupted upload continues at its offset, also in a new server', async () => {
  const { manager, url } = await running()
  const at = await create(url, { 'Upload-Length': '10' })
  await fetch(at, { method: 'PATCH', headers: { ...PATCH, 'Upload-Offset': '0' }, body: '12345' })
  const second = await running({}, manager)
  const moved = `${second.url}/${at.split('/').at(-1)}`
  const head = await fetch(moved, { method: 'HEAD', headers: TUS })
  expect([head.status, head.headers.get('upload-offset'), head.headers.get('upload-length')]).toEqual([
    200,
    '5',
    '10',
  ])
  const end = await fetch(moved, {
    method: 'PATCH',
    headers: { ...PATCH, 'Upload-Offset': '5' },
    body: '67890',
  })
  expect([end.status, second.finished.length]).toEqual([204, 1])
})

test('an append at another offset is a 409', async () => {
  const { url } = await running()
  const at = await create(url, { 'Upload-Length': '10' })
  const answer = await fetch(at, { method: 'PATCH', headers: { ...PATCH, 'Upload-Offset': '3' }, body: 'x' })
  expect(answer.status).toBe(409)
})

test('of two writers at one offset one wins and the other gets 409 or 423', async () => {
  const { url } = await running()
  const at = await create(url, { 'Upload-Length': '10' })
  const patch = (body: string) =>
    fetch(at, { method: 'PATCH', headers: { ...PATCH, 'Upload-Offset': '0' }, body })
  const statuses = (await Promise.all([patch('aaaaa'), patch('bbbbb')])).map(({ status }) => status).sort()
  expect(statuses[0]).toBe(204)
  expect([409, 423]).toContain(statuses[1])
})

test('termination deletes the upload', async () => {
  const { manager, url } = await running()
  const at = await create(url, { 'Upload-Length': '10' })
  expect((await fetch(at, { method: 'DELETE', headers: TUS })).status).toBe(204)
  expect((await fetch(at, { method: 'HEAD', headers: TUS })).status).toBe(404)
  expect(await manager.uploads()).toEqual([])
})

test('checksum: bytes with a wrong checksum are refused with 460 and not kept', async () => {
  const { url } = await running()
  const at = await create(url, { 'Upload-Length': '5' })
  const patch = (checksum: string) =>
    fetch(at, {
      method: 'PATCH',
      headers: { ...PATCH, 'Upload-Offset': '0', 'Upload-Checksum': checksum },
      body: 'right',
    })
  const sha1 = (text: string): string => `sha1 ${createHash('sha1').update(text).digest('base64')}`
  expect((await patch(sha1('wrong'))).status).toBe(460)
  expect((await fetch(at, { method: 'HEAD', headers: TUS })).headers.get('upload-offset')).toBe('0')
  expect((await patch('crc9 AAAA')).status).toBe(400)
  expect((await patch(sha1('right'))).status).toBe(204)
})

test('expiration: an upload says when it expires, and is removed then', async () => {
  const { manager, url } = await running({ ttl: 60_000 })
  const answer = await fetch(url, { method: 'POST', headers: { ...TUS, 'Upload-Length': '10' } })
  const expires = Date.parse(answer.headers.get('upload-expires') ?? '')
  expect(Math.abs(expires - Date.now() - 60_000)).toBeLessThan(10_000)
  expect(await manager.uploads()).toHaveLength(1)
})

test('a file of a refused type is refused with 415, and nothing of it is left', async () => {
  const { manager, url } = await running({ accept: { types: ['image/png'] } })
  const at = await create(url, { 'Upload-Length': '5' })
  const answer = await fetch(at, {
    method: 'PATCH',
    headers: { ...PATCH, 'Upload-Offset': '0' },
    body: 'plain',
  })
  expect([answer.status, await manager.uploads(), await manager.handoffs()]).toEqual([415, [], []])
})

test('OPTIONS announces every extension', async () => {
  const { url } = await running()
  const answer = await fetch(url, { method: 'OPTIONS' })
  expect(answer.headers.get('tus-extension')?.split(',').sort()).toEqual([
    'checksum',
    'concatenation',
    'creation',
    'creation-defer-length',
    'creation-with-upload',
    'expiration',
    'termination',
  ])
})

test('an empty file is finished at its creation', async () => {
  const { url, finished } = await running()
  await create(url, { 'Upload-Length': '0' })
  expect(finished).toMatchObject([{ bytes: 0 }])
})

test.skipIf(!has('curl'))(
  'curl creates an upload, is cut off, asks for the offset and sends the rest',
  async () => {
    const { manager, url, finished } = await running({ hash: 'sha256' })
    const bytes = randomBytes(2_000_000)
    const path = join(tempBase(), 'film.mkv')
    writeFileSync(path, bytes)
    const curl = async (...options: string[]): Promise<string> => {
      const sent = ['-sS', '-i', '-H', 'Tus-Resumable: 1.0.0', ...options]
      return (await promisify(execFile)('curl', sent, { encoding: 'latin1' })).stdout
    }
    const at =
      /^location: (\S+)/im.exec(await curl('-X', 'POST', '-H', `Upload-Length: ${bytes.length}`, url))?.[1] ??
      ''
    const patch = (offset: number): string[] => [
      '-X',
      'PATCH',
      '-H',
      'Content-Type: application/offset+octet-stream',
      '-H',
      `Upload-Offset: ${offset}`,
    ]
    const slow = [
      '-sS',
      '-H',
      'Tus-Resumable: 1.0.0',
      ...patch(0),
      '--data-binary',
      `@${path}`,
      '--limit-rate',
      '1M',
      at,
    ]
    const cutOff = spawn('curl', slow, { stdio: 'ignore' })
    await expect.poll(async () => (await manager.uploads())[0]?.bytes, { timeout: 20_000 }).toBeGreaterThan(0)
    cutOff.kill('SIGKILL')
    const head = async (): Promise<number> =>
      Number(/^upload-offset: (\d+)/im.exec(await curl('-I', at))?.[1])
    const offset = await head()
    expect(offset).toBeGreaterThan(0)
    expect(offset).toBeLessThan(bytes.length)
    writeFileSync(path, bytes.subarray(offset))
    expect(await curl(...patch(offset), '--data-binary', `@${path}`, at)).toMatch(/^HTTP\/1.1 204/m)
    expect(finished).toMatchObject([{ bytes: bytes.length, digest: sha256(bytes) }])
    expect(await manager.handoffs()).toHaveLength(1)
  },
)
