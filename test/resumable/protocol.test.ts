// The draft's requirements for a server, one row for each requirement of requirements.md.

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tempManager } from '../fixtures/temp-base.ts'
import { APPEND, append, begin, create, created, draft, head, OURS } from './draft-client.ts'
import { requirementsOn } from './requirements.ts'

const { row, complete } = requirementsOn('server')

row('4-1 4-2 13-2 13-3', "an upload's address is random, and shows nothing of the server", async () => {
  const client = await draft()
  const [first, second] = [await created(client), await created(client)]
  expect(first).toMatch(/^\/files\/u[0-9a-z]{26}$/)
  expect(second).not.toBe(first)
})

row('4.1.1-1', 'the offset does not decrease', async () => {
  const client = await draft()
  const path = await created(client)
  await append(client, path, 5, 0, '67')
  await append(client, path, 0, 0, 'again')
  expect((await head(client, path)).headers['upload-offset']).toBe('7')
})

row('4.1.1-2', 'an upload that has lost a part of its bytes is deactivated', async () => {
  const client = await draft()
  const path = await created(client)
  const data = join(client.manager.root, 'uploads', path.slice('/files/'.length), 'data')
  for (const name of readdirSync(data)) truncateSync(join(data, name), 2)
  expect([(await head(client, path)).status, (await append(client, path, 5, 0, '67')).status]).toEqual([
    410, 410,
  ])
})

row('4.1.1-3', 'an Upload-Offset of another type is ignored', async () => {
  const client = await draft()
  const path = await created(client)
  const answer = await client.send(
    'PATCH',
    path,
    { ...APPEND, 'Upload-Offset': '"5"', 'Upload-Complete': '?0' },
    'x',
  )
  expect([answer.status, (await head(client, path)).headers['upload-offset']]).toEqual([400, '5'])
})

row('4.1.2-1', 'an Upload-Complete of another type is ignored', async () => {
  const client = await draft()
  const answer = await client.send('POST', '/files', { ...OURS, 'Upload-Complete': 'true' }, 'whole')
  expect([answer.status, answer.interim.length]).toEqual([200, 0])
})

row('4.1.3-2', 'an Upload-Length of another type is ignored', async () => {
  const client = await draft()
  const path = await created(client, '12345', { 'Upload-Length': '"9"' })
  expect((await head(client, path)).headers).not.toHaveProperty('upload-length')
  expect((await append(client, path, 5, 1, '67')).status).toBe(200)
})

row('4.1.3-3', 'both indications of the length match, or the request is refused', async () => {
  const client = await draft()
  const answer = await client.send(
    'POST',
    '/files',
    { ...OURS, 'Upload-Complete': '?1', 'Upload-Length': '9' },
    '12345',
  )
  expect(answer.status).toBe(400)
  expect(JSON.parse(answer.body).type).toMatch(/#inconsistent-upload-length$/)
  expect(answer.headers['upload-complete']).toBe('?0')
})

row('4.1.3-4', 'lengths indicated by several requests match', async () => {
  const client = await draft()
  const path = await created(client, '12345', { 'Upload-Length': '10' })
  expect((await append(client, path, 5, 1, '678')).status).toBe(400)
  expect((await append(client, path, 5, 1, '67890')).status).toBe(200)
})

/** Upload-Limit without the time left. */
const limits = ({ headers }: { headers: Record<string, unknown> }): string =>
  String(headers['upload-limit']).replace(/(?:, )?max-age=\d+$/, '')

row('4.1.4-5 4.1.4-7 4.1.4-8 4.1.4-15', 'the limits of OPTIONS stay those of the upload', async () => {
  const client = await draft({ maxBytes: 100, maxAppendBytes: 50, minAppendBytes: 2 })
  const announced = limits(await client.send('OPTIONS', '/files'))
  const answer = await create(client, '?0', '12345')
  const { location: path = '' } = answer.headers
  const later = [answer, await append(client, path, 5, 0, '67'), await head(client, path)]
  expect(later.map(limits)).toEqual([announced, announced, announced])
})

row('4.1.4-9', 'the end of the lifetime in max-age does not come nearer', async () => {
  const client = await draft({ ttl: '1h' })
  const path = await created(client)
  const left = async (): Promise<number> =>
    Number(/max-age=(\d+)/.exec(String((await head(client, path)).headers['upload-limit']))?.[1]) * 1000
  const [before, first] = [Date.now(), await left()]
  await append(client, path, 5, 0, '67')
  const [second, after] = [await left(), Date.now()]
  expect(first).toBeGreaterThan(3_500_000)
  expect(after + second + 1000).toBeGreaterThanOrEqual(before + first) // max-age is in whole seconds
})

row('4.1.4-12', 'OPTIONS announces the limits', async () => {
  const client = await draft({ maxBytes: 100, maxAppendBytes: 50, minAppendBytes: 5 })
  const { headers } = await client.send('OPTIONS', '/files')
  expect(headers['upload-limit']).toBe('max-size=100, max-append-size=50, min-append-size=5')
})

test('the limits of `accept` are announced with the others', async () => {
  const client = await draft({ maxBytes: 100, accept: { types: ['text/plain'], minBytes: 2, maxBytes: 50 } })
  expect((await client.send('OPTIONS', '/files')).headers['upload-limit']).toBe('max-size=50, min-size=2')
})

test.each([
  [{}, 'max-size=1000'],
  [{ maxBytes: 100 }, 'max-size=100'],
  [{ maxBytes: 5000 }, 'max-size=1000'],
])("with %j the manager's limits.fileBytes of 1000 is announced as %s", async (options, announced) => {
  const client = await draft(options, tempManager({ limits: { fileBytes: 1000 } }))
  expect((await client.send('OPTIONS', '/files')).headers['upload-limit']).toBe(announced)
})

row('4.1.4-13', 'OPTIONS * announces the limits', async () => {
  const client = await draft({ maxBytes: 100 })
  expect((await client.send('OPTIONS', '*')).headers['upload-limit']).toBe('max-size=100')
})

row('4.1.4-14', 'without limits Upload-Limit is min-size=0', async () => {
  expect((await (await draft()).send('OPTIONS', '/files')).headers['upload-limit']).toBe('min-size=0')
})

row('4.1.4-16', 'a 413 carries Upload-Limit', async () => {
  const client = await draft({ maxBytes: 4 })
  const answer = await create(client, '?1', '12345')
  expect([answer.status, answer.headers['upload-limit']]).toEqual([413, 'max-size=4'])
})

row('4.1.4-5', 'min-append-size does not apply to an empty creation, nor to the last request', async () => {
  const client = await draft({ minAppendBytes: 10 })
  const path = await created(client, '')
  expect((await append(client, path, 0, 0, 'short')).status).toBe(400)
  expect((await append(client, path, 0, 1, 'short')).status).toBe(200)
})

test('the limits of one request also hold for content of unknown length', async () => {
  const client = await draft({ maxAppendBytes: 10, minAppendBytes: 5 })
  const path = await created(client, '12345')
  const send = async (bytes: string, complete = '?0') =>
    await client.send(
      'PATCH',
      path,
      { ...APPEND, 'Upload-Offset': '5', 'Upload-Complete': complete, 'Transfer-Encoding': 'chunked' },
      bytes,
    )
  const [small, large] = [await send('678'), await send('x'.repeat(11))]
  expect([small.status, large.status]).toEqual([400, 413])
  expect([small, large].map(({ headers }) => headers['upload-complete'])).toEqual(['?0', '?0'])
  expect(large.headers['upload-limit']).toBe('max-append-size=10, min-append-size=5')
  expect((await head(client, path)).headers['upload-offset']).toBe('5') // the one chunk of the large one was too much
  expect((await send('678', '?1')).status).toBe(200)
})

test('an ordinary POST of unknown length with more bytes than a request may bring leaves nothing', async () => {
  const client = await draft({ maxAppendBytes: 10 })
  expect(
    (await client.send('POST', '/files', { 'Transfer-Encoding': 'chunked' }, 'x'.repeat(11))).status,
  ).toBe(413)
  expect([await client.manager.uploads(), await client.manager.handoffs()]).toEqual([[], []])
})

row('4.2.2-1', 'a creation is answered with a 104 first', async () => {
  const client = await draft()
  const { interim } = await create(client, '?1', '12345')
  expect(interim[0]?.status).toBe(104)
})

row('4.2.2-2', 'the 104 to a creation has Location and Upload-Limit', async () => {
  const client = await draft({ maxBytes: 100 })
  const { interim } = await create(client, '?1', '12345')
  expect(interim[0]?.headers['location']).toMatch(/^\/files\/u[0-9a-z]{26}$/)
  expect(interim[0]?.headers['upload-limit']).toMatch(/^max-size=100, max-age=\d+$/)
})

row(
  '4.2.2-3 4.2.2-4',
  'a creation that is not the whole has Location and Upload-Limit in its answer',
  async () => {
    const client = await draft()
    const { status, headers } = await create(client, '?0', '123')
    expect([status, headers['upload-complete']]).toEqual([201, '?0'])
    expect(headers.location).toMatch(/^\/files\/u/)
    expect(headers['upload-limit']).toMatch(/max-age=/)
  },
)

row('4.2.2-5', 'the length is recorded', async () => {
  const client = await draft()
  const path = await created(client, '1', { 'Upload-Length': '77' })
  expect((await head(client, path)).headers['upload-length']).toBe('77')
})

row('4.2.2-6', 'every response to one request has the same Location', async () => {
  const client = await draft()
  const answer = await create(client, '?0', '123')
  expect(
    new Set([answer.headers.location, ...answer.interim.map(({ headers }) => headers['location'])]).size,
  ).toBe(1)
})

test.each([
  ['//other.example/files', '/other.example/files'],
  ['/\\other.example/files', '/other.example/files'],
  ['http://other.example/files?a=/b', '/files'],
  ['/', ''],
])('Location for a creation at %s is a path of the same host', async (path, directory) => {
  const client = await draft()
  const { headers } = await client.send('POST', path, { ...OURS, 'Upload-Complete': '?0' }, '12345')
  const { location = '' } = headers
  expect(location.slice(0, location.lastIndexOf('/'))).toBe(directory)
  expect((await head(client, location)).headers['upload-offset']).toBe('5')
})

row('4.2.2-9', 'the answer to a whole upload has Upload-Complete ?1', async () => {
  const client = await draft()
  const answer = await create(client, '?1', '12345')
  expect([answer.status, answer.headers['upload-complete']]).toEqual([200, '?1'])
  expect(JSON.parse(answer.body)).toMatchObject({ bytes: 5 })
})

row('4.2.2-10', 'the bytes received of an interrupted creation are kept', async () => {
  const client = await draft()
  const running = begin(client, '12345')
  const { location = '' } = await running.interim
  await expect.poll(async () => (await client.manager.uploads())[0]?.bytes ?? 0).toBeGreaterThanOrEqual(0)
  running.cut()
  await running.ended
  const { headers } = await head(client, location)
  expect(Number(headers['upload-offset'])).toBeLessThanOrEqual(5)
  const rest = '1234567890'.slice(Number(headers['upload-offset']))
  expect((await append(client, location, Number(headers['upload-offset']), 1, rest)).status).toBe(200)
})

row('4.2.2-11', 'an interrupted upload is not complete', async () => {
  const client = await draft()
  const running = begin(client, '1234567890'.slice(0, 9))
  const { location = '' } = await running.interim
  running.cut()
  await running.ended
  expect((await head(client, location)).headers['upload-complete']).toBe('?0')
  expect(await client.manager.handoffs()).toEqual([])
})

row(
  '4.3.2-1 4.3.2-2 4.3.2-3 4.3.2-4',
  'HEAD answers with offset, completeness, length and limits',
  async () => {
    const client = await draft()
    const path = await created(client, '12345', { 'Upload-Length': '10' })
    const { status, headers } = await head(client, path)
    expect(status).toBe(204)
    expect([headers['upload-offset'], headers['upload-complete'], headers['upload-length']]).toEqual([
      '5',
      '?0',
      '10',
    ])
    expect(headers['upload-limit']).toMatch(/^max-age=\d+$/)
  },
)

row('4.3.2-1', 'GET is answered as HEAD', async () => {
  const client = await draft()
  const path = await created(client)
  expect((await client.send('GET', path, OURS)).headers['upload-offset']).toBe('5')
})

row('4.3.2-6 4.5.2-3', 'neither HEAD nor DELETE is redirected', async () => {
  const client = await draft()
  const path = await created(client)
  const sent = [
    await head(client, `${path}/`),
    await head(client, path),
    await client.send('DELETE', path, OURS),
    await client.send('DELETE', path, OURS),
    await head(client, path),
  ]
  expect(sent.map(({ status }) => status)).toEqual([404, 204, 204, 410, 410])
})

row('4.3.2-5', 'an offset is not cached', async () => {
  const client = await draft()
  expect((await head(client, await created(client))).headers['cache-control']).toBe('no-store')
})

row('4.3.2-2', 'HEAD reports that a complete upload is complete', async () => {
  const client = await draft()
  const path = await created(client)
  await append(client, path, 5, 1)
  const { headers } = await head(client, path)
  expect([headers['upload-complete'], headers['upload-offset'], headers['upload-length']]).toEqual([
    '?1',
    '5',
    '5',
  ])
})

/** A running append of five bytes, of which three have arrived. */
async function appending() {
  const client = await draft()
  const path = await created(client)
  const headers = { ...APPEND, 'Upload-Offset': '5', 'Upload-Complete': '?1', 'Content-Length': '5' }
  const running = client.begin('PATCH', path, headers, '678')
  expect(await running.interim).toMatchObject({ 'upload-offset': '8' })
  return { client, path, running }
}

row(
  '4.4.2-1 4.4.2-2 4.4.2-7',
  'the bytes of an interrupted append are kept, and its length is known',
  async () => {
    const { client, path, running } = await appending()
    running.cut()
    await running.ended
    const { headers: state } = await head(client, path)
    expect([state['upload-offset'], state['upload-length'], state['upload-complete']]).toEqual([
      '8',
      '10',
      '?0',
    ])
    expect(await client.manager.handoffs()).toEqual([])
  },
)

row('4.2.2-9 4.4.2-11', 'every answer but the final one of an upload has Upload-Complete ?0', async () => {
  const client = await draft({ maxAppendBytes: 5 })
  const path = await created(client)
  const answers = [
    await create(client, '?0', 'too large'),
    await client.send('PATCH', path, OURS, 'no media type'),
    await client.send('PATCH', path, APPEND, 'no offset'),
    await append(client, path, 5, 0, 'too large'),
    await append(client, `${path.slice(0, -26)}${'0'.repeat(26)}`, 5, 0, 'x'),
    await client.send('GET', '/files', OURS),
  ]
  expect(answers.map(({ status, headers }) => [status, headers['upload-complete']])).toEqual(
    [413, 415, 400, 413, 410, 404].map((status) => [status, '?0']),
  )
})

test.each([
  ['with a slash after its id', (path: string) => `${path}/`],
  ['with a letter after its id', (path: string) => `${path}x`],
  ['with its id in capitals', (path: string) => path.toUpperCase()],
  ['with an encoded space', (path: string) => `${path}%20`],
  ['without an id', () => '/files/nope'],
])("a request to an upload's URL %s is a 404, and publishes nothing", async (_, other) => {
  const client = await draft()
  const path = await created(client)
  const wrong = other(path)
  const answers = [
    await append(client, wrong, 5, 1, '67890'),
    await client.send('PATCH', wrong, { ...APPEND, 'Upload-Complete': '?1' }, '67890'),
    await client.send('PATCH', wrong, { ...OURS, 'Upload-Offset': '5', 'Upload-Complete': '?1' }, '67890'),
    await head(client, wrong),
    await client.send('GET', wrong, OURS),
    await client.send('DELETE', wrong, OURS),
  ]
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 404))
  expect(answers[0]?.headers['upload-complete']).toBe('?0')
  expect(await client.manager.handoffs()).toEqual([])
  expect(await client.manager.uploads()).toMatchObject([{ state: 'waiting', bytes: 5 }])
})

test('below `path` are only uploads; beside it any path takes new files', async () => {
  const client = await draft({ path: '/files' })
  const send = async (path: string) => await client.send('POST', path, OURS, 'whole')
  const answers = [
    await send('/files/a'),
    await send('/files'),
    await send('/files/'),
    await send('/other/a'),
  ]
  expect(answers.map(({ status }) => status)).toEqual([404, 200, 200, 200])
})

test('Allow names the methods of the resource that was asked', async () => {
  const client = await draft()
  const path = await created(client)
  const [upload, files] = ['HEAD, GET, PATCH, DELETE, OPTIONS', 'POST, PUT, PATCH, OPTIONS']
  const answers = [
    await client.send('POST', path, OURS),
    await client.send('OPTIONS', path, OURS),
    await client.send('PROPFIND', '/files', OURS),
    await client.send('OPTIONS', '/files', OURS),
  ]
  expect(answers.map(({ status, headers }) => [status, headers.allow])).toEqual([
    [405, upload],
    [204, upload],
    [405, files],
    [204, files],
  ])
})

row('4.4.2-3', 'an append without Upload-Offset or Upload-Complete is refused', async () => {
  const client = await draft()
  const path = await created(client)
  const without = [{ 'Upload-Offset': '5' }, { 'Upload-Complete': '?0' }]
  const answers = await Promise.all(
    without.map((one) => client.send('PATCH', path, { ...APPEND, ...one }, 'x')),
  )
  expect(answers.map(({ status }) => status)).toEqual([400, 400])
})

row('4.4.2-3', 'an append of another media type is refused', async () => {
  const client = await draft()
  const path = await created(client)
  const headers = { ...OURS, 'Content-Type': 'text/plain', 'Upload-Offset': '5', 'Upload-Complete': '?0' }
  expect((await client.send('PATCH', path, headers, 'x')).status).toBe(415)
})

row(
  '4.4.2-3 4.4.2-4',
  'a mismatching offset is a 409 with the right offset and Upload-Complete ?0',
  async () => {
    const client = await draft()
    const answer = await append(client, await created(client), 3, 0, 'x')
    expect([answer.status, answer.headers['upload-offset'], answer.headers['upload-complete']]).toEqual([
      409,
      '5',
      '?0',
    ])
  },
)

row('7.1-1', 'the problem of a mismatching offset has the expected and the provided offset', async () => {
  const client = await draft()
  expect(JSON.parse((await append(client, await created(client), 3, 0, 'x')).body)).toMatchObject({
    type: 'https://iana.org/assignments/http-problem-types#mismatching-upload-offset',
    'expected-offset': 5,
    'provided-offset': 3,
  })
})

row('4.4.2-5', 'the last append is answered as the whole upload would have been', async () => {
  const client = await draft({ onComplete: ({ bytes }) => ({ status: 202, body: `got ${bytes}` }) })
  const { status, body } = await append(client, await created(client), 5, 1, '67')
  expect([status, body]).toEqual([202, 'got 7'])
})

row('4.4.2-6', 'the answer to the last append has Upload-Complete ?1, also as a refusal', async () => {
  const client = await draft({ accept: { types: ['image/png'] } })
  const path = await created(client, '12345', {
    'Content-Disposition': 'inline; filename="a.png"',
    'Content-Type': 'image/png',
  })
  const answer = await append(client, path, 5, 1, '67')
  expect([answer.status, answer.headers['upload-complete']]).toEqual([415, '?1'])
})

row(
  '4.4.2-11',
  'an append that is not the last is acknowledged with 2xx and Upload-Complete ?0',
  async () => {
    const client = await draft()
    const { status, headers } = await append(client, await created(client), 5, 0, '67')
    expect([status, headers['upload-complete']]).toEqual([204, '?0'])
  },
)

row('4.4.2-6', 'an append to a completed upload replays the final answer', async () => {
  const client = await draft()
  const path = await created(client)
  const first = await append(client, path, 5, 1)
  const again = await append(client, path, 5, 1)
  expect([again.status, again.body]).toEqual([200, first.body])
  expect(await client.manager.handoffs()).toHaveLength(1)
})

test('an append of bytes to a completed upload is refused with the problem type that drafts up to 11 name', async () => {
  const client = await draft()
  const path = await created(client)
  await append(client, path, 5, 1)
  const answer = await append(client, path, 5, 1, 'more')
  expect([answer.status, JSON.parse(answer.body).type]).toEqual([
    400,
    'https://iana.org/assignments/http-problem-types#completed-upload',
  ])
})

row('4.4.2-8', 'the offset does not exceed the length: the upload is then deactivated', async () => {
  const client = await draft()
  const path = await created(client, '12345', { 'Upload-Length': '6' })
  const headers = {
    ...APPEND,
    'Upload-Offset': '5',
    'Upload-Complete': '?0',
    'Transfer-Encoding': 'chunked',
  }
  expect((await client.send('PATCH', path, headers, 'too many')).status).toBe(400)
  expect((await head(client, path)).status).toBe(410)
})

row('4.4.2-9 4.4.2-10', 'a 104 to an append has no Location', async () => {
  const client = await draft()
  const path = await created(client)
  const headers = { ...APPEND, 'Upload-Offset': '5', 'Upload-Complete': '?0', 'Content-Length': '99' }
  const running = client.begin('PATCH', path, headers, 'some')
  expect(await running.interim).toMatchObject({ 'upload-offset': '9' }) // SHOULD: progress, once a second
  expect(await running.interim).not.toHaveProperty('location')
  running.cut()
  await running.ended
})

row('4.5.2-1', 'DELETE deactivates the upload', async () => {
  const client = await draft()
  const path = await created(client)
  expect((await client.send('DELETE', path, OURS)).status).toBe(204)
  expect((await head(client, path)).status).toBe(410)
  expect(await client.manager.uploads()).toEqual([])
})

row('4.5.2-2', 'DELETE ends a request in flight', async () => {
  const client = await draft()
  const running = begin(client, '12345')
  const { location = '' } = await running.interim
  expect((await client.send('DELETE', location, OURS)).status).toBe(204)
  const ended = await running.ended
  expect(ended instanceof Error || ended.status >= 400).toBe(true)
})

row(
  '4.6-3 4.6-4 4.6-5 4.6-6',
  'a new HEAD ends the request in flight, and answers with an offset that is accepted',
  async () => {
    const client = await draft()
    const running = begin(client, '12345')
    const { location = '' } = await running.interim
    const { headers } = await head(client, location)
    const ended = await running.ended
    expect(ended instanceof Error || ended.status >= 400).toBe(true)
    const offset = Number(headers['upload-offset'])
    expect((await append(client, location, offset, 1, '1234567890'.slice(offset))).status).toBe(200)
  },
)

row('4.6-2', 'of two appends at one offset one wins and the other gets 409', async () => {
  const client = await draft()
  const path = await created(client)
  const answers = await Promise.all([
    append(client, path, 5, 0, 'aaaaa'),
    append(client, path, 5, 0, 'bbbbb'),
  ])
  expect(answers.map(({ status }) => status).sort()).toEqual([204, 409])
  expect((await head(client, path)).headers['upload-offset']).toBe('10')
})

row(
  '4.6-2',
  'an append for an offset that the running request has passed is a 409, and leaves it alone',
  async () => {
    const { client, path, running } = await appending()
    const refused = await append(client, path, 5, 1, '67890')
    expect([refused.status, refused.headers['upload-offset']]).toEqual([409, '8'])
    running.send('90')
    expect(await running.ended).toMatchObject({ status: 200 })
  },
)

row('5-1', 'a client that expects 100 gets it, besides the 104', async () => {
  const client = await draft()
  const { status, interim } = await create(client, '?1', '12345', { Expect: '100-continue' })
  expect([status, new Set(interim.map((one) => one.status))]).toEqual([200, new Set([100, 104])])
})

row('10.1-1', 'a Repr-Digest that differs fails the upload', async () => {
  const client = await draft()
  const wrong = createHash('sha256').update('other').digest('base64')
  const path = await created(client, '12345', { 'Repr-Digest': `sha-256=:${wrong}:` })
  const answer = await append(client, path, 5, 1)
  expect([answer.status, await client.manager.handoffs()]).toEqual([400, []])
})

row('10.1-1', 'every digest of a Repr-Digest is compared', async () => {
  const client = await draft()
  const digest = (name: string, algorithm: string, text: string) =>
    `${name}=:${createHash(algorithm).update(text).digest('base64')}:`
  const sha256 = digest('sha-256', 'sha256', '12345')
  const send = async (sha512: string) =>
    await create(client, '?1', '12345', {
      'Repr-Digest': `${sha256}, ${digest('sha-512', 'sha512', sha512)}`,
    })
  expect([(await send('12345')).status, (await send('other')).status]).toEqual([200, 400])
  expect(await client.manager.handoffs()).toHaveLength(1)
})

row('10.1-2 10.1-3', 'Want-Repr-Digest is answered with Repr-Digest', async () => {
  const client = await draft()
  const path = await created(client, '12345', { 'Want-Repr-Digest': 'sha-256=9' })
  const expected = createHash('sha256').update('12345').digest('base64')
  expect((await append(client, path, 5, 1)).headers['repr-digest']).toBe(`sha-256=:${expected}:`)
})

row('10.2-1', 'content with a wrong Content-Digest is not appended', async () => {
  const client = await draft()
  const path = await created(client)
  const wrong = createHash('sha256').update('other').digest('base64')
  const headers = {
    ...APPEND,
    'Upload-Offset': '5',
    'Upload-Complete': '?0',
    'Content-Digest': `sha-256=:${wrong}:`,
  }
  expect((await client.send('PATCH', path, headers, '67')).status).toBe(400)
  expect((await head(client, path)).headers['upload-offset']).toBe('5')
})

test.each([
  ['Content-Digest', 'sha-256=::'],
  ['Repr-Digest', 'sha-256=:====:'],
  ['Content-Digest', `sha-512=:${createHash('sha256').update('12345').digest('base64')}:`],
])('%s: %s has not the length of a digest, and is a 400', async (field, value) => {
  const client = await draft()
  const path = await created(client)
  const answers = [
    await create(client, '?1', '12345', { [field]: value }),
    await client.send(
      'PATCH',
      path,
      { ...APPEND, 'Upload-Offset': '5', 'Upload-Complete': '?1', [field]: value },
      '67',
    ),
  ]
  expect(answers.map(({ status }) => status)).toEqual([400, 400])
  expect((await head(client, path)).headers['upload-offset']).toBe('5')
  expect(await client.manager.uploads()).toHaveLength(1)
})

row('13-1 13-6', 'an upload can be reached by authorized clients only, also at its end', async () => {
  let allowed = true
  const client = await draft({
    authorize: () => {
      if (!allowed) throw Object.assign(new Error('not the owner'), { status: 403, expose: true })
    },
  })
  const path = await created(client)
  allowed = false
  expect([(await head(client, path)).status, (await append(client, path, 5, 1)).status]).toEqual([403, 403])
})

row(
  '13-6',
  'a permission that ends before the last byte leaves the upload, and its answer reports that',
  async () => {
    let asked = 0
    const client = await draft({
      authorize: () => {
        asked += 1
        if (asked === 3) throw Object.assign(new Error('not the owner'), { status: 403, expose: true })
      },
    })
    const path = await created(client)
    const refused = await append(client, path, 5, 1, '67')
    expect([refused.status, refused.headers['upload-complete']]).toEqual([403, '?0'])
    expect((await head(client, path)).headers).toMatchObject({
      'upload-complete': '?0',
      'upload-offset': '7',
    })
  },
)

row('13-4', 'a file name that leads elsewhere is only a name', async () => {
  const names: (string | undefined)[] = []
  const client = await draft({ onComplete: ({ originalName }) => void names.push(originalName) })
  await create(client, '?1', '12345', { 'Content-Disposition': 'inline; filename="../../etc/pass\\"wd"' })
  expect(names).toEqual(['pass_wd'])
})

row('13-5', 'a file in parts is handed to a scan once, as a whole', async () => {
  const scanned: string[] = []
  const scan = async (file: { readonly path: string }): Promise<void> => {
    scanned.push(readFileSync(file.path, 'utf8'))
  }
  const client = await draft({ accept: { validate: scan } })
  const path = await created(client, 'EIC')
  await append(client, path, 3, 0, 'A')
  expect((await append(client, path, 4, 1, 'R')).status).toBe(200)
  expect(scanned).toEqual(['EICAR'])
})

row('13-7', 'a client that sends nothing is ended, and the bytes that it sent are kept', async () => {
  const client = await draft({ timeout: 1000 })
  const running = begin(client, '12345')
  const { location = '' } = await running.interim
  expect(await running.ended).toMatchObject({ status: 504 })
  expect((await head(client, location)).headers['upload-offset']).toBe('5')
})

row('B-2', 'a creation without the interop version gets no 104', async () => {
  const client = await draft()
  const answer = await client.send('POST', '/files', { 'Upload-Complete': '?1' }, '12345')
  expect([answer.status, answer.interim.length]).toEqual([200, 0])
})

row('B-2', 'a creation with another interop version is refused and gets no 104', async () => {
  const client = await draft()
  const answer = await client.send(
    'POST',
    '/files',
    { 'Upload-Draft-Interop-Version': '7', 'Upload-Complete': '?1' },
    '1',
  )
  expect([answer.status, answer.interim.length]).toEqual([400, 0])
  expect(answer.headers['upload-draft-interop-version']).toBe('8')
})

row('B-3', 'a 104 carries the interop version', async () => {
  const client = await draft()
  const { interim } = await create(client, '?1', '12345')
  expect(interim[0]?.headers['upload-draft-interop-version']).toBe('8')
})

complete()
