// Conformance with real clients: tus-js-client in Node, and requests by hand for what it does not send.

import { execFile, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Upload } from 'tus-js-client'
import { expect, test } from 'vitest'
import type { TusOptions } from '../../src/tus/index.ts'
import { has } from '../fixtures/mounts.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'
import { create, PATCH, running, TUS } from './tus-requests.ts'

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

test('a client that cannot send PATCH, HEAD or DELETE names them in X-HTTP-Method-Override', async () => {
  const { manager, tus, url, finished } = await running({ hash: 'sha256' })
  const bytes = randomBytes(1_000_000)
  await send(url, bytes, { overridePatchMethod: true, chunkSize: 300_000 })
  expect(finished).toMatchObject([{ digest: sha256(bytes) }])
  const at = await create(url, { 'Upload-Length': '5' })
  const post = {
    method: 'POST',
    headers: { ...PATCH, 'X-HTTP-Method-Override': 'PATCH', 'Upload-Offset': '0' },
  }
  expect((await tus.handleWeb(new Request(at, { ...post, body: 'ri' }))).headers.get('upload-offset')).toBe(
    '2',
  )
  const head = { method: 'POST', headers: { ...TUS, 'X-HTTP-Method-Override': 'HEAD' } }
  expect((await fetch(at, head)).headers.get('upload-offset')).toBe('2')
  const answer = await tus.handleWeb(new Request(at, { ...head, body: 'x' }))
  expect([answer.status, answer.headers.get('upload-offset')]).toEqual([200, '2'])
  const headers = { ...TUS, 'X-HTTP-Method-Override': 'DELETE' }
  expect((await fetch(at, { method: 'POST', headers })).status).toBe(204)
  expect((await manager.uploads()).map(({ state }) => state)).toEqual(['finished'])
})

/** Sends five bytes as one whole upload; resolves with the answer to the last byte and the upload's URL. */
async function sendWhole(url: string): Promise<{ at: string; answer: Response }> {
  const at = await create(url, { 'Upload-Length': '5' })
  const answer = await fetch(at, {
    method: 'PATCH',
    headers: { ...PATCH, 'Upload-Offset': '0' },
    body: 'right',
  })
  return { at, answer }
}

test('onFinish is called once, and its answer is repeated to a client that asks again', async () => {
  const tickets: string[] = []
  const { url } = await running({
    onFinish: async ({ ticket }) => {
      tickets.push(ticket)
      return { headers: { 'X-Ticket': ticket }, body: 'stored', status_code: 200 }
    },
  })
  const { at, answer } = await sendWhole(url)
  const head = await fetch(at, { method: 'HEAD', headers: TUS })
  const last = await fetch(at, { method: 'PATCH', headers: { ...PATCH, 'Upload-Offset': '5' } })
  expect([answer, head, last].map(({ status, headers }) => [status, headers.get('x-ticket')])).toEqual(
    Array.from({ length: 3 }, () => [200, tickets[0]]),
  )
  expect([await answer.text(), await last.text()]).toEqual(['stored', 'stored'])
  expect(tickets).toHaveLength(1)
})

test('an upload whose onFinish fails for now is not complete: 423, for clients that would send the file again after 5xx', async () => {
  let fails = true
  const tickets: string[] = []
  const { url } = await running({
    onFinish: async ({ ticket }) => {
      tickets.push(ticket)
      if (fails) throw new Error('The database is down.')
      return {}
    },
  })
  const { at, answer } = await sendWhole(url)
  const head = async () => (await fetch(at, { method: 'HEAD', headers: TUS })).status
  expect([answer.status, await head()]).toEqual([500, 423])
  fails = false
  expect([await head(), await head()]).toEqual([200, 200])
  expect([tickets.length, new Set(tickets).size]).toEqual([3, 1])
})

test.each([
  ['throws', () => Promise.reject(Object.assign(new Error('no'), { status_code: 403, body: 'no\n' }))],
  ['returns', () => Promise.resolve({ status_code: 403, body: 'no\n' })],
])('a refusal that onFinish %s is the answer to every later question', async (_, onFinish) => {
  const { url } = await running({ onFinish })
  const { at, answer } = await sendWhole(url)
  const head = await fetch(at, { method: 'HEAD', headers: TUS })
  expect([answer.status, head.status]).toEqual([403, 403])
})

test('a creation with all bytes whose onFinish fails leaves nothing: its client has no URL and sends it again', async () => {
  let fails = true
  const { manager, url } = await running({
    onFinish: async () => {
      if (fails) throw new Error('The database is down.')
      return {}
    },
  })
  const headers = { ...PATCH, 'Upload-Length': '5' }
  const post = async () => (await fetch(url, { method: 'POST', headers, body: 'right' })).status
  expect([await post(), await manager.uploads(), await manager.handoffs()]).toEqual([500, [], []])
  fails = false
  expect([await post(), (await manager.handoffs()).length]).toEqual([201, 1])
})

test('a question that comes while onFinish runs waits for it and does not call it again', async () => {
  const gate = new EventEmitter()
  let calls = 0
  const { url } = await running({
    onIncomingRequest: async ({ method }) => void (method === 'HEAD' && gate.emit('asked')),
    onFinish: async ({ ticket }) => {
      calls += 1
      const asked = once(gate, 'asked')
      gate.emit('entered')
      await asked
      return { headers: { 'X-Ticket': ticket } }
    },
  })
  const at = await create(url, { 'Upload-Length': '5' })
  const entered = once(gate, 'entered')
  const patch = fetch(at, { method: 'PATCH', headers: { ...PATCH, 'Upload-Offset': '0' }, body: 'right' })
  await entered
  const head = fetch(at, { method: 'HEAD', headers: TUS })
  const tickets = (await Promise.all([patch, head])).map(({ headers }) => headers.get('x-ticket'))
  expect([new Set(tickets).size, calls]).toEqual([1, 1])
})

test('a file that its rules refuse after a crash is not reported as complete', async () => {
  const { manager, url } = await running({ accept: { minBytes: 100 } })
  const upload = await manager.createUpload({ id: 'small', length: 5 })
  await upload.append('right')
  await upload.release()
  expect((await fetch(`${url}/small`, { method: 'HEAD', headers: TUS })).status).toBe(422)
  expect(await manager.handoffs()).toEqual([])
})

test('creation-with-upload: the creating request can hold the whole file', async () => {
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

test.each<[Partial<TusOptions>]>([
  [{}],
  [{ respectForwardedHeaders: true }],
  [{ generateUrl: (_, { proto, host, path, id }) => `${proto}://${host}${path}/${id}` }],
])('Location has the host of an HTTP/2 request: %o', async (options) => {
  const { tus } = await running(options)
  const server = createHttp2Server((req, res) => void tus.handle(req as never, res as never)) // the compatibility API
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // it listens on a port
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  try {
    const stream = session.request({ ':method': 'POST', ':path': '/files', ...TUS, 'upload-length': '5' })
    const [headers] = await once(stream, 'response')
    expect(headers[':status']).toBe(201)
    expect(headers.location).toMatch(new RegExp(`^http://127\\.0\\.0\\.1:${port}/files/\\w+$`))
  } finally {
    session.destroy()
    server.close()
  }
})

test.each([
  ['https://x.test:8443', {}, 'https://x.test:8443/files/'],
  ['https://x.test', { relativeLocation: true }, '/files/'],
  ['http://10.0.0.1', { respectForwardedHeaders: true }, 'https://x.test/files/'],
  ['https://x.test', { generateUrl: () => '/own' }, '/own'],
])('Location of a creation at %s with %o begins with %s', async (origin, options, start) => {
  const { tus } = await running(options)
  const headers = { ...TUS, 'Upload-Length': '5', 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'x.test' }
  const answer = await tus.handleWeb(new Request(`${origin}/files`, { method: 'POST', headers }))
  expect(answer.headers.get('location')).toMatch(new RegExp(`^${start}`))
})

test.each([
  [{}, 'https'],
  [{ Forwarded: 'for=192.0.2.1' }, 'https'], // names no scheme
  [{ Forwarded: 'for=192.0.2.1;proto=http' }, 'http'],
  [{ Forwarded: 'for=192.0.2.1', 'X-Forwarded-Proto': 'http' }, 'http'],
  [{ Forwarded: 'proto="HTTPS"', 'X-Forwarded-Proto': 'http' }, 'https'],
])('Location has the scheme of the request, or that which a proxy names: %o', async (forwarded, scheme) => {
  const { tus } = await running({ respectForwardedHeaders: true })
  const headers = { ...TUS, 'Upload-Length': '5', Host: 'x.test', ...forwarded }
  const answer = await tus.handleWeb(new Request('https://x.test/files', { method: 'POST', headers }))
  expect(answer.headers.get('location')).toMatch(new RegExp(`^${scheme}://x\\.test/files/`))
})

test('a creation whose Host has an impossible port is answered', async () => {
  const { url } = await running()
  const headers = { ...TUS, 'Upload-Length': '5', Host: 'x.test:99999' }
  const sent = request(url, { method: 'POST', headers }).end()
  const [answer] = await once(sent, 'response')
  answer.resume()
  expect([answer.statusCode, answer.headers.location]).toEqual([
    201,
    expect.stringMatching(/^http:\/\/x\.test:99999\/files\/\w+$/),
  ])
})

test('an append at another offset is a 409', async () => {
  const { url } = await running()
  const at = await create(url, { 'Upload-Length': '10' })
  const answer = await fetch(at, { method: 'PATCH', headers: { ...PATCH, 'Upload-Offset': '3' }, body: 'x' })
  expect(answer.status).toBe(409)
})

test('an append without Content-Length to a finished upload repeats its answer, unless it brings bytes', async () => {
  const { url, finished } = await running()
  const at = await create(url, { 'Upload-Length': '5' })
  const append = async (offset: string, text: string): Promise<number> => {
    const headers = { ...PATCH, 'Upload-Offset': offset }
    const body = new Blob([text]).stream() // sent in chunks
    return (await fetch(at, { method: 'PATCH', headers, body, duplex: 'half' })).status
  }
  expect([await append('0', 'whole'), await append('5', ''), await append('5', 'more')]).toEqual([
    204, 204, 413,
  ])
  expect(finished).toHaveLength(1)
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

test.each(['sha1', 'sha1 ====', 'sha1 AAAA', 'sha1 !!!!', 'md5 , x', 'toString AAAA', ''])(
  'checksum: %j is a 400',
  async (checksum) => {
    const { url } = await running()
    const at = await create(url, { 'Upload-Length': '5' })
    const headers = { ...PATCH, 'Upload-Offset': '0', 'Upload-Checksum': checksum }
    expect((await fetch(at, { method: 'PATCH', headers, body: 'right' })).status).toBe(400)
    expect((await fetch(at, { method: 'HEAD', headers: TUS })).headers.get('upload-offset')).toBe('0')
  },
)

test('expiration: the answer to a creation announces when the upload expires', async () => {
  const { manager, url } = await running({ ttl: 60_000 })
  const answer = await fetch(url, { method: 'POST', headers: { ...TUS, 'Upload-Length': '10' } })
  const expires = Date.parse(answer.headers.get('upload-expires') ?? '')
  expect(Math.abs(expires - Date.now() - 60_000)).toBeLessThan(10_000)
  expect(await manager.uploads()).toHaveLength(1)
})

test.each([
  ['its first five bytes', 5],
  ['the first bytes of a megabyte', 1_000_000],
])('a file that is refused by %s is answered with 415, and nothing of it is left', async (_, length) => {
  const { manager, url } = await running({ accept: { types: ['image/png'] } })
  const at = await create(url, { 'Upload-Length': String(length) })
  const body = Buffer.alloc(length, 'plain')
  const appended = await fetch(at, { method: 'PATCH', headers: { ...PATCH, 'Upload-Offset': '0' }, body })
  const headers = { ...PATCH, 'Upload-Length': String(length) }
  const created = await fetch(url, { method: 'POST', headers, body })
  expect([appended.status, created.status]).toEqual([415, 415])
  expect([await manager.uploads(), await manager.handoffs()]).toEqual([[], []])
})

/** Sends a request as Python's http.client does: reads nothing before it has sent everything. Resolves with the status. */
async function sendThenRead(url: string, head: string, body: Buffer): Promise<string> {
  const { port } = new URL(url)
  const socket = connect(Number(port), '127.0.0.1')
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject)
    socket.write(`${head}Host: x\r\nContent-Length: ${body.length}\r\n\r\n`)
    socket.write(body, (error) => (error ? reject(error) : resolve()))
  })
  const [answer] = await once(socket, 'data')
  socket.destroy()
  return String(answer).split(' ', 2)[1] ?? ''
}

const CREATE = 'Content-Type: application/offset+octet-stream\r\nUpload-Length: 12000000\r\n'

test.each([
  ['a type', `POST /files HTTP/1.1\r\nTus-Resumable: 1.0.0\r\n${CREATE}`, '415'],
  ['a version', `POST /files HTTP/1.1\r\n${CREATE}`, '412'],
  [
    'a closing connection',
    `POST /files HTTP/1.1\r\nConnection: close\r\nTus-Resumable: 1.0.0\r\n${CREATE}`,
    '415',
  ],
])('the refusal of %s reaches a client that reads only after it has sent 12 MB', async (_, head, status) => {
  const { url } = await running({ accept: { types: ['image/png'] } })
  const answer = await sendThenRead(url, head, Buffer.alloc(12_000_000, 'plain'))
  expect(answer).toBe(status)
})

test.each([
  ['another', { ...TUS, 'Content-Type': 'text/plain' }],
  ['no', TUS],
])(
  'a PATCH with %s content type is answered with 415, as tus asks for, and appends nothing',
  async (_, headers) => {
    const { tus, url } = await running()
    const at = await create(url, { 'Upload-Length': '5' })
    const request = {
      method: 'PATCH',
      headers: { ...headers, 'Upload-Offset': '0' },
      body: Buffer.from('wrong'),
    }
    const answers = [await fetch(at, request), await tus.handleWeb(new Request(at, request))]
    expect(answers.map(({ status }) => status)).toEqual([415, 415])
    const state = await fetch(at, { method: 'HEAD', headers: TUS })
    expect(state.headers.get('upload-offset')).toBe('0')
  },
)

test.each([
  ['no version', {}],
  ['another version', { 'Tus-Resumable': '0.2.2' }],
])('a request with %s of tus is answered with 412 and the version of the server', async (_, headers) => {
  const { tus, url } = await running()
  const request = { method: 'POST', headers: { ...headers, 'Upload-Length': '5' } }
  const answers = [await fetch(url, request), await tus.handleWeb(new Request(url, request))]
  expect(answers.map((one) => [one.status, one.headers.get('tus-version')])).toEqual([
    [412, '1.0.0'],
    [412, '1.0.0'],
  ])
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

test('OPTIONS announces the algorithms of checksums and the size limit', async () => {
  const rules = { maxBytes: 1000, maxSize: 5000, allowedHeaders: ['X-Mine'] }
  const { url } = await running({ ...rules, accept: { maxBytes: 600 } })
  const { headers } = await fetch(url, { method: 'OPTIONS' })
  expect(headers.get('tus-checksum-algorithm')).toBe('sha1,md5,sha256,sha512')
  expect(headers.get('tus-max-size')).toBe('600')
  expect(headers.get('access-control-allow-headers')?.split(', ')).toEqual(
    expect.arrayContaining(['Upload-Checksum', 'X-Mine']),
  )
})

test('a page of another origin can read the headers of every extension, and those of the program', async () => {
  const { url } = await running({ exposedHeaders: ['X-Ticket', 'X-Mine'] })
  const { headers } = await fetch(url, { method: 'OPTIONS', headers: { Origin: 'https://app.example' } })
  expect(headers.get('access-control-expose-headers')?.split(/, ?/)).toEqual(
    expect.arrayContaining([
      'Tus-Checksum-Algorithm',
      'Upload-Concat',
      'Upload-Expires',
      'X-Ticket',
      'X-Mine',
    ]),
  )
})

test("OPTIONS announces the manager's limits.fileBytes where it is the smallest", async () => {
  const { url } = await running({ maxBytes: 1000 }, tempManager({ limits: { fileBytes: 500 } }))
  expect((await fetch(url, { method: 'OPTIONS' })).headers.get('tus-max-size')).toBe('500')
})

test.each([
  ['a whole upload', {}],
  ['a partial upload', { 'Upload-Concat': 'partial' }],
])('maxBytes limits %s, and a length that is declared later', async (_, headers) => {
  const { url } = await running({ maxBytes: 1000 })
  const post = { ...TUS, ...headers }
  const whole = await fetch(url, { method: 'POST', headers: { ...post, 'Upload-Length': '1001' } })
  expect(whole.status).toBe(413)
  const patch = async (more: Record<string, string>, bytes: number) => {
    const at = await create(url, { ...headers, 'Upload-Defer-Length': '1' })
    const sent = { ...PATCH, 'Upload-Offset': '0', ...more }
    return (await fetch(at, { method: 'PATCH', headers: sent, body: 'x'.repeat(bytes) })).status
  }
  expect([await patch({ 'Upload-Length': '1001' }, 2), await patch({}, 1001)]).toEqual([413, 413])
})

test('an empty file is finished at its creation', async () => {
  const { url, finished } = await running()
  await create(url, { 'Upload-Length': '0' })
  expect(finished).toMatchObject([{ bytes: 0 }])
})

const whole = (url: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, {
    method: 'POST',
    headers: { ...PATCH, 'Upload-Length': '5', ...headers },
    body: 'hello',
    signal: AbortSignal.timeout(5000),
  })

test('a header of onFinish that HTTP does not allow is a 500', async () => {
  const { url } = await running({
    onFinish: async ({ originalName = '' }) => ({ headers: { 'X-File-Name': originalName } }),
  })
  for (const name of ['\u0001.pdf', '報告.pdf']) {
    const filename = `filename ${Buffer.from(name).toString('base64')}`
    const answer = await whole(url, { 'Upload-Metadata': filename })
    expect([answer.status, await answer.text()]).toEqual([500, 'The server failed.\n'])
  }
})

test('a hook of @tus/server whose result cannot be sent is a 500', async () => {
  const { url } = await running({
    onFinish: async () => {
      throw new Error('broken')
    },
    onResponseError: () => ({ status_code: 99, body: '' }),
  })
  expect((await whole(url)).status).toBe(500)
})

test('concatenation: an answer of onFinish with status 204 has no content', async () => {
  const { url } = await running({ onFinish: async () => ({ status_code: 204, body: 'dropped' }) })
  const part = await whole(url, { 'Upload-Concat': 'partial' })
  const final = `final;${part.headers.get('location')}`
  const answer = await fetch(url, { method: 'POST', headers: { ...TUS, 'Upload-Concat': final } })
  expect([answer.status, await answer.text()]).toEqual([204, ''])
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
