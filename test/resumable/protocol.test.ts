// The draft's requirements on a server, one row each, with their section in draft-ietf-httpbis-resumable-upload
// (httpwg/http-extensions, 2026-07, interop version 8).

import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { APPEND, append, created, draft, head, OURS } from './draft-client.ts'

const REQUIREMENTS: readonly [
  section: string,
  level: 'MUST' | 'SHOULD',
  what: string,
  check: () => Promise<void>,
][] = [
  [
    '4',
    'SHOULD',
    'an upload resource is unique',
    async () => {
      const client = await draft()
      expect(await created(client)).not.toBe(await created(client))
    },
  ],
  [
    '4.1.1',
    'MUST',
    'the offset does not decrease',
    async () => {
      const client = await draft()
      const path = await created(client)
      await append(client, path, 5, 0, '67')
      await append(client, path, 0, 0, 'again')
      expect((await head(client, path)).headers['upload-offset']).toBe('7')
    },
  ],
  [
    '4.1.1',
    'MUST',
    'an Upload-Offset of another type is ignored',
    async () => {
      const client = await draft()
      const path = await created(client)
      const answer = await client.send(
        'PATCH',
        path,
        { ...APPEND, 'Upload-Offset': '"5"', 'Upload-Complete': '?0' },
        'x',
      )
      expect([answer.status, (await head(client, path)).headers['upload-offset']]).toEqual([400, '5'])
    },
  ],
  [
    '4.1.2',
    'MUST',
    'an Upload-Complete of another type is ignored',
    async () => {
      const client = await draft()
      const answer = await client.send('POST', '/files', { ...OURS, 'Upload-Complete': 'true' }, 'whole')
      expect([answer.status, answer.interim.length]).toEqual([200, 0])
    },
  ],
  [
    '4.1.3',
    'MUST',
    'both indications of the length match, or the request is refused',
    async () => {
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
    },
  ],
  [
    '4.1.3',
    'MUST',
    'lengths indicated by several requests match',
    async () => {
      const client = await draft()
      const path = await created(client, '12345', { 'Upload-Length': '10' })
      expect((await append(client, path, 5, 1, '678')).status).toBe(400)
      expect((await append(client, path, 5, 1, '67890')).status).toBe(200)
    },
  ],
  [
    '4.1.4',
    'MUST',
    'OPTIONS announces the limits',
    async () => {
      const client = await draft({ maxBytes: 100, maxAppendBytes: 50, minAppendBytes: 5 })
      const { headers } = await client.send('OPTIONS', '/files')
      expect(headers['upload-limit']).toBe('max-size=100, max-append-size=50, min-append-size=5')
    },
  ],
  [
    '4.1.4',
    'MUST',
    'without limits Upload-Limit is min-size=0',
    async () => {
      expect((await (await draft()).send('OPTIONS', '/files')).headers['upload-limit']).toBe('min-size=0')
    },
  ],
  [
    '4.1.4',
    'SHOULD',
    'a 413 carries Upload-Limit',
    async () => {
      const client = await draft({ maxBytes: 4 })
      const answer = await client.send('POST', '/files', { ...OURS, 'Upload-Complete': '?1' }, '12345')
      expect([answer.status, answer.headers['upload-limit']]).toEqual([413, 'max-size=4'])
    },
  ],
  [
    '4.1.4',
    'MUST',
    'min-append-size does not apply to an empty creation, nor to the last request',
    async () => {
      const client = await draft({ minAppendBytes: 10 })
      const path = await created(client, '')
      expect((await append(client, path, 0, 0, 'short')).status).toBe(400)
      expect((await append(client, path, 0, 1, 'short')).status).toBe(200)
    },
  ],
  [
    '4.2.2',
    'SHOULD',
    'a creation is answered with a 104 first',
    async () => {
      const client = await draft()
      const { interim } = await client.send('POST', '/files', { ...OURS, 'Upload-Complete': '?1' }, '12345')
      expect(interim[0]?.status).toBe(104)
    },
  ],
  [
    '4.2.2',
    'MUST',
    'that 104 has Location and Upload-Limit',
    async () => {
      const client = await draft({ maxBytes: 100 })
      const { interim } = await client.send('POST', '/files', { ...OURS, 'Upload-Complete': '?1' }, '12345')
      expect(interim[0]?.headers['location']).toMatch(/^\/files\/u[0-9a-z]{26}$/)
      expect(interim[0]?.headers['upload-limit']).toMatch(/^max-size=100, max-age=\d+$/)
    },
  ],
  [
    '4.2.2',
    'MUST',
    'a creation that is not the whole has Location and Upload-Limit in its answer',
    async () => {
      const client = await draft()
      const { status, headers } = await client.send(
        'POST',
        '/files',
        { ...OURS, 'Upload-Complete': '?0' },
        '123',
      )
      expect([status, headers['upload-complete']]).toEqual([201, '?0'])
      expect(headers.location).toMatch(/^\/files\/u/)
      expect(headers['upload-limit']).toMatch(/max-age=/)
    },
  ],
  [
    '4.2.2',
    'MUST',
    'the length is recorded',
    async () => {
      const client = await draft()
      const path = await created(client, '1', { 'Upload-Length': '77' })
      expect((await head(client, path)).headers['upload-length']).toBe('77')
    },
  ],
  [
    '4.2.2',
    'MUST',
    'every response to one request has the same Location',
    async () => {
      const client = await draft()
      const answer = await client.send('POST', '/files', { ...OURS, 'Upload-Complete': '?0' }, '123')
      expect(
        new Set([answer.headers.location, ...answer.interim.map(({ headers }) => headers['location'])]).size,
      ).toBe(1)
    },
  ],
  [
    '4.2.2',
    'SHOULD',
    'the answer to a whole upload has Upload-Complete ?1',
    async () => {
      const client = await draft()
      const answer = await client.send('POST', '/files', { ...OURS, 'Upload-Complete': '?1' }, '12345')
      expect([answer.status, answer.headers['upload-complete']]).toEqual([200, '?1'])
      expect(JSON.parse(answer.body)).toMatchObject({ bytes: 5 })
    },
  ],
  [
    '4.2.2',
    'SHOULD',
    'of an interrupted creation as much as came is kept',
    async () => {
      const client = await draft()
      const begun = client.begin(
        'POST',
        '/files',
        { ...OURS, 'Upload-Complete': '?1', 'Content-Length': '10' },
        '12345',
      )
      const { location = '' } = await begun.interim
      await expect.poll(async () => (await client.manager.uploads())[0]?.bytes ?? 0).toBeGreaterThanOrEqual(0)
      begun.cut()
      await begun.ended
      const { headers } = await head(client, location)
      expect(Number(headers['upload-offset'])).toBeLessThanOrEqual(5)
      const rest = '1234567890'.slice(Number(headers['upload-offset']))
      expect((await append(client, location, Number(headers['upload-offset']), 1, rest)).status).toBe(200)
    },
  ],
  [
    '4.2.2',
    'MUST',
    'an interrupted upload is not complete',
    async () => {
      const client = await draft()
      const begun = client.begin(
        'POST',
        '/files',
        { ...OURS, 'Upload-Complete': '?1', 'Content-Length': '10' },
        '1234567890'.slice(0, 9),
      )
      const { location = '' } = await begun.interim
      begun.cut()
      await begun.ended
      expect((await head(client, location)).headers['upload-complete']).toBe('?0')
      expect(await client.manager.handoffs()).toEqual([])
    },
  ],
  [
    '4.3.2',
    'MUST',
    'HEAD tells offset, completeness, length and limits',
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
  ],
  [
    '4.3.2',
    'MUST',
    'GET is answered as HEAD',
    async () => {
      const client = await draft()
      const path = await created(client)
      expect((await client.send('GET', path, OURS)).headers['upload-offset']).toBe('5')
    },
  ],
  [
    '4.3.2',
    'SHOULD',
    'an offset is not cached',
    async () => {
      const client = await draft()
      expect((await head(client, await created(client))).headers['cache-control']).toBe('no-store')
    },
  ],
  [
    '4.3.2',
    'MUST',
    'a complete upload is told to be complete',
    async () => {
      const client = await draft()
      const path = await created(client)
      await append(client, path, 5, 1)
      const { headers } = await head(client, path)
      expect([headers['upload-complete'], headers['upload-offset'], headers['upload-length']]).toEqual([
        '?1',
        '5',
        '5',
      ])
    },
  ],
  [
    '4.4.1',
    'MUST',
    'an append without Upload-Offset or Upload-Complete is refused',
    async () => {
      const client = await draft()
      const path = await created(client)
      const without = [{ 'Upload-Offset': '5' }, { 'Upload-Complete': '?0' }]
      const answers = await Promise.all(
        without.map((one) => client.send('PATCH', path, { ...APPEND, ...one }, 'x')),
      )
      expect(answers.map(({ status }) => status)).toEqual([400, 400])
    },
  ],
  [
    '4.4.2',
    'MUST',
    'an append of another media type is refused',
    async () => {
      const client = await draft()
      const path = await created(client)
      const headers = { ...OURS, 'Content-Type': 'text/plain', 'Upload-Offset': '5', 'Upload-Complete': '?0' }
      expect((await client.send('PATCH', path, headers, 'x')).status).toBe(415)
    },
  ],
  [
    '4.4.2',
    'MUST',
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
  ],
  [
    '8.1',
    'SHOULD',
    'its problem has the expected and the provided offset',
    async () => {
      const client = await draft()
      expect(JSON.parse((await append(client, await created(client), 3, 0, 'x')).body)).toMatchObject({
        type: 'https://iana.org/assignments/http-problem-types#mismatching-upload-offset',
        'expected-offset': 5,
        'provided-offset': 3,
      })
    },
  ],
  [
    '4.4.2',
    'SHOULD',
    'the last append is answered as the whole upload would have been',
    async () => {
      const client = await draft({ onComplete: ({ bytes }) => ({ status: 202, body: `got ${bytes}` }) })
      const { status, body } = await append(client, await created(client), 5, 1, '67')
      expect([status, body]).toEqual([202, 'got 7'])
    },
  ],
  [
    '4.4.2',
    'MUST',
    'that answer has Upload-Complete ?1, also when it is a refusal',
    async () => {
      const client = await draft({ accept: { types: ['image/png'] } })
      const path = await created(client, '12345', {
        'Content-Disposition': 'inline; filename="a.png"',
        'Content-Type': 'image/png',
      })
      const answer = await append(client, path, 5, 1, '67')
      expect([answer.status, answer.headers['upload-complete']]).toEqual([415, '?1'])
    },
  ],
  [
    '4.4.2',
    'MUST',
    'an append that is not the last is acknowledged with 2xx and Upload-Complete ?0',
    async () => {
      const client = await draft()
      const { status, headers } = await append(client, await created(client), 5, 0, '67')
      expect([status, headers['upload-complete']]).toEqual([204, '?0'])
    },
  ],
  [
    '4.4.2',
    'SHOULD',
    'an append to a completed upload replays the final answer',
    async () => {
      const client = await draft()
      const path = await created(client)
      const first = await append(client, path, 5, 1)
      const again = await append(client, path, 5, 1)
      expect([again.status, again.body]).toEqual([200, first.body])
      expect(await client.manager.handoffs()).toHaveLength(1)
    },
  ],
  [
    '4.4.2',
    'MUST',
    'the offset does not exceed the length: the upload is then deactivated',
    async () => {
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
    },
  ],
  [
    '4.4.2',
    'MUST',
    'a 104 to an append has no Location',
    async () => {
      const client = await draft()
      const path = await created(client)
      const headers = { ...APPEND, 'Upload-Offset': '5', 'Upload-Complete': '?0', 'Content-Length': '99' }
      const begun = client.begin('PATCH', path, headers, 'some')
      expect(await begun.interim).toMatchObject({ 'upload-offset': '9' }) // SHOULD: progress, once a second
      expect(await begun.interim).not.toHaveProperty('location')
      begun.cut()
      await begun.ended
    },
  ],
  [
    '4.5.2',
    'SHOULD',
    'DELETE deactivates the upload',
    async () => {
      const client = await draft()
      const path = await created(client)
      expect((await client.send('DELETE', path, OURS)).status).toBe(204)
      expect((await head(client, path)).status).toBe(410)
      expect(await client.manager.uploads()).toEqual([])
    },
  ],
  [
    '4.5.2',
    'SHOULD',
    'DELETE ends a request in flight',
    async () => {
      const client = await draft()
      const begun = client.begin(
        'POST',
        '/files',
        { ...OURS, 'Upload-Complete': '?1', 'Content-Length': '10' },
        '12345',
      )
      const { location = '' } = await begun.interim
      expect((await client.send('DELETE', location, OURS)).status).toBe(204)
      const ended = await begun.ended
      expect(ended instanceof Error || ended.status >= 400).toBe(true)
    },
  ],
  [
    '4.6',
    'SHOULD',
    'a new HEAD ends the request in flight, and tells an offset that is accepted',
    async () => {
      const client = await draft()
      const begun = client.begin(
        'POST',
        '/files',
        { ...OURS, 'Upload-Complete': '?1', 'Content-Length': '10' },
        '12345',
      )
      const { location = '' } = await begun.interim
      const { headers } = await head(client, location)
      const ended = await begun.ended
      expect(ended instanceof Error || ended.status >= 400).toBe(true)
      const offset = Number(headers['upload-offset'])
      expect((await append(client, location, offset, 1, '1234567890'.slice(offset))).status).toBe(200)
    },
  ],
  [
    '4.6',
    'MUST',
    'of two appends at one offset one wins and the other gets 409',
    async () => {
      const client = await draft()
      const path = await created(client)
      const answers = await Promise.all([
        append(client, path, 5, 0, 'aaaaa'),
        append(client, path, 5, 0, 'bbbbb'),
      ])
      expect(answers.map(({ status }) => status).sort()).toEqual([204, 409])
      expect((await head(client, path)).headers['upload-offset']).toBe('10')
    },
  ],
  [
    '11.1',
    'SHOULD',
    'a Repr-Digest that differs fails the upload',
    async () => {
      const client = await draft()
      const wrong = createHash('sha256').update('other').digest('base64')
      const path = await created(client, '12345', { 'Repr-Digest': `sha-256=:${wrong}:` })
      const answer = await append(client, path, 5, 1)
      expect([answer.status, await client.manager.handoffs()]).toEqual([400, []])
    },
  ],
  [
    '11.1',
    'SHOULD',
    'Want-Repr-Digest is answered with Repr-Digest',
    async () => {
      const client = await draft()
      const path = await created(client, '12345', { 'Want-Repr-Digest': 'sha-256=9' })
      const expected = createHash('sha256').update('12345').digest('base64')
      expect((await append(client, path, 5, 1)).headers['repr-digest']).toBe(`sha-256=:${expected}:`)
    },
  ],
  [
    '11.2',
    'SHOULD',
    'content with a wrong Content-Digest is not appended',
    async () => {
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
    },
  ],
  [
    '14',
    'SHOULD',
    'an upload can be reached by authorized clients only, also at its end',
    async () => {
      let allowed = true
      const client = await draft({
        authorize: () => {
          if (!allowed) throw Object.assign(new Error('not yours'), { status: 403, expose: true })
        },
      })
      const path = await created(client)
      allowed = false
      expect([(await head(client, path)).status, (await append(client, path, 5, 1)).status]).toEqual([
        403, 403,
      ])
    },
  ],
  [
    '14',
    'SHOULD',
    'a client that sends nothing is ended, and keeps what it sent',
    async () => {
      const client = await draft({ timeout: 50 })
      const begun = client.begin(
        'POST',
        '/files',
        { ...OURS, 'Upload-Complete': '?1', 'Content-Length': '10' },
        '12345',
      )
      const { location = '' } = await begun.interim
      expect(await begun.ended).toMatchObject({ status: 504 })
      expect((await head(client, location)).headers['upload-offset']).toBe('5')
    },
  ],
  [
    'B',
    'MUST',
    'no 104 without the interop version',
    async () => {
      const client = await draft()
      const answer = await client.send('POST', '/files', { 'Upload-Complete': '?1' }, '12345')
      expect([answer.status, answer.interim.length]).toEqual([200, 0])
    },
  ],
  [
    'B',
    'MUST',
    'no 104 with another interop version, which is refused',
    async () => {
      const client = await draft()
      const answer = await client.send(
        'POST',
        '/files',
        { 'Upload-Draft-Interop-Version': '7', 'Upload-Complete': '?1' },
        '1',
      )
      expect([answer.status, answer.interim.length]).toEqual([400, 0])
      expect(answer.headers['upload-draft-interop-version']).toBe('8')
    },
  ],
  [
    'B',
    'MUST',
    'a 104 carries the interop version',
    async () => {
      const client = await draft()
      const { interim } = await client.send('POST', '/files', { ...OURS, 'Upload-Complete': '?1' }, '12345')
      expect(interim[0]?.headers['upload-draft-interop-version']).toBe('8')
    },
  ],
]

for (const [section, level, what, check] of REQUIREMENTS) test(`section ${section}, ${level}: ${what}`, check)
