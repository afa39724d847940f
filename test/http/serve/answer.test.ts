import { statSync, utimesSync, writeFileSync } from 'node:fs'
import { readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Answer, prepareAnswer } from '../../../src/http/serve/answer.ts'
import type { SendOptions } from '../../../src/http/serve/send-options.ts'
import { failure } from '../../fixtures/failures.ts'
import { tempBase } from '../../fixtures/temp-base.ts'

const CONTENT = 'abcdefghij'
/** Long before the files of these tests. */
const DATE = 'Sun, 06 Nov 1994 08:49:37 GMT'

function tenBytes(): string {
  const path = join(tempBase(), 'a.txt')
  writeFileSync(path, CONTENT)
  return path
}

async function prepare(
  { method = 'GET', path = tenBytes(), ...headers }: Record<string, string> = {},
  options: SendOptions = {},
): Promise<Answer> {
  const answer = await prepareAnswer({ method, header: (name) => headers[name] }, { path }, options)
  onTestFinished(() => answer.close())
  return answer
}

async function textOf({ body }: Answer): Promise<string | undefined> {
  if (body === undefined) return undefined
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString()
}

/** Descriptors of this process that are open on `path`. */
async function openOn(path: string): Promise<number> {
  const fds = await readdir('/proc/self/fd')
  const links = await Promise.all(fds.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')))
  return links.filter((link) => link === path).length
}

describe('answers to file requests', () => {
  test.each([
    ['GET', {}, 200, CONTENT, '10', undefined],
    ['HEAD', { method: 'HEAD' }, 200, undefined, '10', undefined],
    ['GET of a part', { range: 'bytes=2-4' }, 206, 'cde', '3', 'bytes 2-4/10'],
    ['GET of a part beyond the end', { range: 'bytes=10-' }, 416, undefined, '0', 'bytes */10'],
  ] as const)('%s (%j) is answered with status %i', async (_, request, status, text, length, range) => {
    const answer = await prepare(request)
    expect(answer.status).toBe(status)
    expect(answer.headers).toMatchObject({ 'Content-Length': length, 'Accept-Ranges': 'bytes' })
    expect(answer.headers['Content-Range']).toBe(range)
    expect(answer.whole).toBe(status === 200 && text !== undefined)
    expect(await textOf(answer)).toBe(text)
  })

  test('304 has neither a body nor headers that describe one', async () => {
    const path = tenBytes()
    const etag = (await prepare({ path })).headers['ETag'] ?? ''
    const { status, headers, body } = await prepare(
      { path, 'if-none-match': etag },
      { headers: { 'Content-Language': 'en', 'X-A': '1' } },
    )
    expect({ status, body }).toEqual({ status: 304, body: undefined })
    expect(Object.keys(headers).filter((name) => /^(content-|accept-)/i.test(name))).toEqual([])
    expect(headers).toMatchObject({ ETag: etag, 'X-A': '1' })
  })

  test('the answer for an empty file has no body', async () => {
    const path = join(tempBase(), 'empty')
    writeFileSync(path, '')
    expect(await prepare({ path })).toMatchObject({ status: 200, length: 0, body: undefined, whole: true })
  })

  test('an answer has an ETag that changes with the content', async () => {
    const path = tenBytes()
    const before = (await prepare({ path })).headers['ETag']
    writeFileSync(path, 'other')
    expect((await prepare({ path })).headers['ETag']).not.toBe(before)
    expect(before).toMatch(/^"[^"]+"$/)
  })

  test('an answer has no Last-Modified in the future, also for a file with a time in the future', async () => {
    const path = tenBytes()
    utimesSync(path, new Date(), new Date('2090-01-01'))
    const { headers } = await prepare({ path })
    expect(Date.parse(headers['Last-Modified'] ?? '')).toBeLessThanOrEqual(Date.now())
    expect((await prepare({ path, 'if-modified-since': DATE })).status).toBe(200)
  })

  test('an answer leaves out the headers that options turn off', async () => {
    const options = { acceptRanges: false, etag: false, lastModified: false, cacheControl: false } as const
    const answer = await prepare({ range: 'bytes=0-1' }, options)
    expect(answer.status).toBe(200)
    for (const name of ['Accept-Ranges', 'ETag', 'Last-Modified', 'Cache-Control'])
      expect(answer.headers).not.toHaveProperty(name)
  })

  test('a header of the program replaces that of the answer, in upper or lower case', async () => {
    const { headers } = await prepare({}, { headers: { 'cache-control': 'public' } })
    expect(Object.entries(headers).filter(([name]) => /^cache-control$/i.test(name))).toEqual([
      ['cache-control', 'public'],
    ])
  })

  test.each([
    [{ 'if-match': '"v7"' }, { ETag: '"v7"' }, 200],
    [{ 'if-match': '"v6"' }, { ETag: '"v7"' }, 412],
    [{ 'if-none-match': '"v7"' }, { etag: '"v7"' }, 304],
    [{ 'if-none-match': '"v7"' }, { ETag: 'W/"v7"' }, 304],
    [{ 'if-match': 'W/"v7"' }, { ETag: 'W/"v7"' }, 412],
    [{ range: 'bytes=0-1', 'if-range': '"v7"' }, { ETag: '"v7"' }, 206],
    [{ range: 'bytes=0-1', 'if-range': 'W/"v7"' }, { ETag: 'W/"v7"' }, 200],
    [{ 'if-modified-since': DATE }, { 'Last-Modified': DATE }, 304],
    [{ 'if-unmodified-since': DATE }, { 'last-modified': DATE }, 200],
    [{ 'if-unmodified-since': DATE }, {}, 412],
  ])("%o is compared with the program's own %o: %i", async (request, headers, status) => {
    const answer = await prepare(request as Record<string, string>, { headers })
    expect(answer.status).toBe(status)
    expect(answer.headers).toMatchObject(headers)
  })

  test.each([
    ['name', { 'X Y': '1' }],
    ['value', { 'X-Y': 'a\r\nSet-Cookie: x=1' }],
    ['name of HTTP/1.1 only', { 'Keep-Alive': 'timeout=5' }],
    ['name of HTTP/1.1 only', { 'transfer-encoding': 'chunked' }],
  ])(
    'an answer with a header %s that HTTP does not allow is refused, and its file is closed',
    async (_, headers) => {
      const path = tenBytes()
      await failure('ERR_TEMP_OPTION_INVALID', () =>
        prepare({ path }, { headers: headers as Record<string, string> }),
      )
      expect(await openOn(path)).toBe(0)
    },
  )

  test('prepareAnswer() refuses to remove a plain path, and the file stays', async () => {
    const path = tenBytes()
    await failure('ERR_TEMP_OPTION_INVALID', () => prepare({ path }, { remove: 'after-response' }))
    expect(statSync(path).size).toBe(CONTENT.length)
  })

  test('prepareAnswer() rejects with status 410 when the file is gone', async () => {
    const error = await failure('ERR_TEMP_REMOVED', () => prepare({ path: join(tempBase(), 'gone') }))
    expect(error.status).toBe(410)
  })

  test('an answer holds its file open until the answer is closed', async () => {
    const path = tenBytes()
    const answer = await prepare({ path })
    expect(await openOn(path)).toBe(1)
    await answer.close()
    await answer.close()
    expect(await openOn(path)).toBe(0)
  })
})
