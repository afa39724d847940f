import { expect, test } from 'vitest'
import { type ResumableOptions, resumableUploads } from '../../src/resumable/index.ts'
import { tempManager } from '../fixtures/temp-base.ts'
import { APPEND, append, create, created, draft, head, OURS } from './draft-client.ts'

test('a POST of a client that does not know the draft is an ordinary upload', async () => {
  const client = await draft()
  const answer = await client.send('POST', '/files', { 'Content-Type': 'text/plain' }, 'hello')
  expect([answer.status, answer.interim.length]).toEqual([200, 0])
  const { ticket } = JSON.parse(answer.body)
  expect((await client.manager.inspect(ticket)).bytes).toBe(5)
})

test('an ordinary upload that breaks off leaves nothing', async () => {
  const client = await draft()
  const started = client.begin('POST', '/files', { 'Content-Length': '10' }, '12345')
  await expect.poll(async () => (await client.manager.uploads()).length).toBe(1)
  started.cut()
  await started.ended
  await expect.poll(async () => (await client.manager.uploads()).length).toBe(0)
})

test('an ordinary upload whose onComplete throws leaves nothing', async () => {
  const client = await draft({
    onComplete: () => {
      throw new Error('the database is down')
    },
  })
  expect((await client.send('POST', '/files', {}, 'hello')).status).toBe(500)
  expect([await client.manager.handoffs(), await client.manager.uploads()]).toEqual([[], []])
})

test('an ordinary upload that is finished leaves its handoff and no record for its client, who cannot ask for it', async () => {
  const client = await draft()
  const answer = await client.send('POST', '/files', {}, 'hello')
  expect(await client.manager.uploads()).toEqual([])
  expect((await client.manager.inspect(JSON.parse(answer.body).ticket)).bytes).toBe(5)
})

test('the signal of a Fetch request ends it; the bytes that came are kept', async () => {
  const manager = tempManager()
  const { fetch } = resumableUploads(manager)
  const leaving = new AbortController()
  const body = new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from('hello')) }) // and it never ends
  const request = new Request('http://localhost/files', {
    method: 'POST',
    headers: { 'Upload-Complete': '?1' },
    body,
    duplex: 'half',
    signal: leaving.signal,
  } as RequestInit) // the type does not have duplex
  const answer = fetch(request)
  await expect.poll(async () => (await manager.uploads())[0]?.bytes, { timeout: 10_000 }).toBe(5)
  leaving.abort()
  expect((await answer).status).toBe(400)
  await expect.poll(async () => (await manager.uploads())[0]).toMatchObject({ state: 'waiting', bytes: 5 })
})

test.each([
  [500, { status: 404 }],
  [422, { status: 422, expose: true }],
])('an onComplete whose error is not for clients is a server error: %i for %o', async (status, members) => {
  const client = await draft({
    onComplete: () => {
      throw Object.assign(new Error('of an HTTP client'), members)
    },
  })
  expect((await create(client, '?1', 'whole')).status).toBe(status)
})

test('an upload that can be resumed keeps its handoff when onComplete throws, and is answered when it is asked again', async () => {
  let down = true
  const client = await draft({
    onComplete: () => {
      if (down) throw new Error('the database is down')
      return {}
    },
  })
  const failed = await create(client, '?1', 'hello')
  expect([failed.status, failed.headers['upload-complete']]).toEqual([500, '?1'])
  down = false
  const answer = await append(client, failed.interim[0]?.headers['location'] ?? '', 5, 1)
  expect([answer.status, JSON.parse(answer.body).bytes]).toEqual([200, 5])
})

test('an append without Content-Length to a finished upload repeats its answer, unless it brings bytes', async () => {
  const client = await draft()
  const { headers, body } = await create(client, '?1', 'whole')
  const path = headers.location ?? ''
  const again = { ...APPEND, 'Upload-Offset': '5', 'Upload-Complete': '?1', 'Transfer-Encoding': 'chunked' }
  const repeated = await client.send('PATCH', path, again)
  expect([repeated.status, repeated.body]).toEqual([200, body])
  const more = await client.send('PATCH', path, again, 'more')
  expect([more.status, more.headers['upload-complete']]).toEqual([400, '?0'])
})

test('a timeout may have a fraction of a millisecond', async () => {
  const client = await draft({ timeout: 60_000.5 })
  const { headers, body } = await create(client, '?1', 'whole')
  const again = { ...APPEND, 'Upload-Offset': '5', 'Upload-Complete': '?1', 'Transfer-Encoding': 'chunked' }
  const repeated = await client.send('PATCH', headers.location ?? '', again)
  expect([repeated.status, repeated.body]).toEqual([200, body])
})

test('an append to a finished upload that neither ends nor brings bytes does not hold up other requests', async () => {
  let asked = (): void => {}
  const waiting = new Promise<void>((resolve) => {
    asked = resolve
  })
  const client = await draft({ authorize: ({ method }) => (method === 'PATCH' ? asked() : undefined) })
  const { headers } = await create(client, '?1', 'whole')
  const path = headers.location ?? ''
  const again = { ...APPEND, 'Upload-Offset': '5', 'Upload-Complete': '?1', 'Transfer-Encoding': 'chunked' }
  const silent = client.begin('PATCH', path, again, '')
  await waiting
  const answer = await head(client, path)
  expect([answer.status, answer.headers['upload-complete']]).toEqual([204, '?1'])
  silent.send('')
  expect(await silent.ended).toMatchObject({ status: 200 })
})

test('an append of a Fetch request to a finished upload is refused if it brings bytes', async () => {
  const uploads = resumableUploads(tempManager())
  const send = (
    method: string,
    path: string,
    headers: Record<string, string>,
    body: string | ReadableStream,
  ) => {
    const init = { method, headers, body, duplex: 'half' } as const
    return uploads.fetch(new Request(`http://x${path}`, init))
  }
  const { headers } = await send('POST', '/files', { ...OURS, 'Upload-Complete': '?1' }, 'whole')
  const again = { ...APPEND, 'Upload-Offset': '5', 'Upload-Complete': '?1' }
  const statusOf = async (text: string): Promise<number> =>
    (await send('PATCH', headers.get('location') ?? '', again, new Blob([text]).stream())).status
  expect([await statusOf(''), await statusOf('more')]).toEqual([200, 400])
})

test('a Location of onComplete is the only one, for every front', async () => {
  const options = { onComplete: () => ({ status: 201, headers: { location: '/mine' } }) }
  const client = await draft(options)
  expect((await create(client, '?1', 'hello')).headers.location).toBe('/mine')
  const answer = await post(options, { 'Upload-Complete': '?1' })
  expect(answer.headers.get('location')).toBe('/mine')
})

test('a handler of the Fetch API speaks the same protocol', async () => {
  const manager = tempManager()
  const { fetch: handle } = resumableUploads(manager)
  const send = (method: string, url: string, headers: Record<string, string>, body?: string) =>
    handle(
      new Request(url, { method, headers: { ...OURS, ...headers }, ...(body === undefined ? {} : { body }) }),
    )
  const made = await send('POST', 'http://host/files', { 'Upload-Complete': '?0' }, '12345')
  const url = new URL(made.headers.get('location') ?? '', 'http://host').href
  expect((await send('HEAD', url, {})).headers.get('upload-offset')).toBe('5')
  const patch = {
    'Content-Type': 'application/partial-upload',
    'Upload-Offset': '5',
    'Upload-Complete': '?1',
  }
  const answer = await send('PATCH', url, patch, '67890')
  expect([answer.status, await answer.json()]).toMatchObject([200, { bytes: 10 }])
})

test('`meta` may be a promise', async () => {
  const client = await draft({ meta: async ({ header }) => ({ user: header('x-user') }) })
  const { body } = await client.send('POST', '/files', { 'X-User': 'ann' }, 'hello')
  expect((await client.manager.inspect(JSON.parse(body).ticket)).meta).toEqual({ user: 'ann' })
})

test('a promise inside of `meta` is a mistake of the program, not an empty object', async () => {
  const client = await draft({ meta: () => ({ user: Promise.resolve('ann') }) })
  expect((await client.send('POST', '/files', {}, 'hello')).status).toBe(500)
  expect(await client.manager.uploads()).toEqual([])
})

test('a misspelt option is refused', () => {
  const manager = tempManager()
  expect(() => resumableUploads(manager, { maxSize: 1 } as ResumableOptions)).toThrow(/maxBytes/)
})

const POSTED = { method: 'POST', body: 'hello' }
const post = (options: ResumableOptions, headers: Record<string, string> = {}): Promise<Response> =>
  resumableUploads(tempManager(), options).fetch(new Request('http://host/files', { ...POSTED, headers }))

test('a header of onComplete that HTTP does not allow is a 500, for every front', async () => {
  const options: ResumableOptions = {
    onComplete: ({ originalName = '' }) => ({ headers: { 'X-File-Name': originalName } }),
  }
  const name = { 'Content-Disposition': "attachment; filename*=UTF-8''%E6%8A%A5%E5%91%8A.pdf" }
  const client = await draft(options)
  const answer = await client.send('POST', '/files', name, 'hello')
  expect([answer.status, JSON.parse(answer.body).code]).toEqual([500, 'ERR_TEMP_OPTION_INVALID'])
  expect((await post(options, name)).status).toBe(500)
})

test.each([99, 101, 600, 200.5, '201'])(
  'a status of onComplete that is not one, %j, is a 500',
  async (status) => {
    const options = { onComplete: () => ({ status: status as number }) }
    const client = await draft(options)
    expect((await client.send('POST', '/files', {}, 'hello')).status).toBe(500)
    expect((await post(options)).status).toBe(500)
  },
)

test.each([204, 205, 304])('an answer of onComplete with status %i has no content', async (status) => {
  const options = { onComplete: () => ({ status, body: 'dropped', headers: { 'content-type': 'text/x' } }) }
  const client = await draft(options)
  const answer = await client.send('POST', '/files', {}, 'hello')
  expect([answer.status, answer.body, answer.headers['content-type']]).toEqual([status, '', undefined])
  const fetched = await post(options)
  expect([fetched.status, await fetched.text(), fetched.headers.get('content-type')]).toEqual([
    status,
    '',
    null,
  ])
})

test('a header of onComplete replaces the one of its name in any case, but not those of the protocol', async () => {
  const headers = { 'content-type': 'text/x', 'upload-complete': '?0', 'content-length': '1' }
  const answer = await post({ onComplete: () => ({ headers, body: 'whole' }) })
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'content-type': 'text/x',
    'upload-complete': '?1',
    'content-length': '5',
  })
})

test('an append that declares more than max-size is a 413, and the upload can go on', async () => {
  const client = await draft({ maxBytes: 10 })
  const path = await created(client)
  const headers = { ...APPEND, 'Upload-Offset': '5', 'Upload-Complete': '?0', 'Upload-Length': '11' }
  const answer = await client.send('PATCH', path, headers, '678')
  expect([answer.status, answer.headers['upload-limit']]).toEqual([413, 'max-size=10'])
  expect((await append(client, path, 5, 1, '67890')).status).toBe(200)
})
