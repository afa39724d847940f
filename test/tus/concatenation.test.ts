import { readFileSync } from 'node:fs'
import { EVENTS } from '@tus/server'
import { expect, test } from 'vitest'
import type { TusOptions } from '../../src/tus/index.ts'
import { PATCH, running, TUS } from './tus-requests.ts'

const BYTES = { 'Content-Type': 'application/offset+octet-stream' }

/** Creates a complete part; resolves with its URL. */
async function part(url: string, body: string): Promise<string> {
  const headers = { ...TUS, ...BYTES, 'Upload-Length': String(body.length), 'Upload-Concat': 'partial' }
  const response = await fetch(url, { method: 'POST', headers, body })
  expect(response.status).toBe(201)
  return response.headers.get('location') ?? ''
}

function join(url: string, parts: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { ...TUS, 'Upload-Concat': `final;${parts}`, ...headers } })
}

const patch = (at: string, offset: number, body: string): Promise<Response> =>
  fetch(at, { method: 'PATCH', headers: { ...PATCH, 'Upload-Offset': String(offset) }, body })

test('HEAD of a final upload has its Upload-Concat, and PATCH is 403', async () => {
  const { url, finished } = await running()
  const parts = `${await part(url, 'abc')} ${new URL(await part(url, 'def')).pathname}`
  const at = (await join(url, parts)).headers.get('location') ?? ''
  const { headers } = await fetch(at, { method: 'HEAD', headers: TUS })
  expect(['upload-concat', 'upload-offset', 'upload-length'].map((name) => headers.get(name))).toEqual([
    `final;${parts}`,
    '6',
    '6',
  ])
  const patches = await Promise.all([patch(at, 6, ''), patch(at, 6, 'x')])
  expect([patches.map(({ status }) => status), finished.length]).toEqual([[403, 403], 1])
})

test('a concatenation takes a part several times', async () => {
  const { manager, url, finished } = await running()
  const [a, b] = [await part(url, 'abc'), await part(url, 'de')]
  expect((await join(url, `${a} ${b} ${a}`)).status).toBe(201)
  await using claim = await manager.claim(finished[0]?.ticket ?? '')
  expect(readFileSync(claim.path, 'utf8')).toBe('abcdeabc')
  expect((await manager.uploads()).map(({ state }) => state)).toEqual(['finished'])
})

test('a concatenation asks the same hooks and emits the same events as any creation', async () => {
  const { url, finished, tus } = await running({
    onUploadCreate: async (_, { metadata, size }) => {
      if (metadata?.['role'] === 'admin') throw { status_code: 403, body: 'no\n' }
      return { metadata: { ...metadata, size: String(size) } }
    },
  })
  const a = await part(url, 'abc')
  const events: string[] = []
  for (const event of [EVENTS.POST_CREATE, EVENTS.POST_FINISH]) tus.on(event, () => events.push(event))
  const role = (name: string) => ({ 'Upload-Metadata': `role ${Buffer.from(name).toString('base64')}` })
  expect((await join(url, a, role('admin'))).status).toBe(403)
  expect((await join(url, a, role('guest'))).status).toBe(201)
  expect(finished.map(({ metadata }) => metadata)).toEqual([{ role: 'guest', size: '3' }])
  expect(events).toEqual([EVENTS.POST_CREATE, EVENTS.POST_FINISH])
})

test.each([
  ['a part that is not there', '/files/nope', 404],
  ['a URL that cannot be decoded', '/files/%zz', 400],
  ['no URL', 'http://[', 400],
  ['a URL with a password', 'http://user:password@example.com/files/nope', 400],
  ['no part', '', 400],
])('a concatenation with %s is refused, and leaves nothing but its parts', async (_, wrong, status) => {
  const { manager, url } = await running()
  const a = wrong === '' ? '' : await part(url, 'abc')
  const before = (await manager.uploads()).length
  expect((await join(url, `${a} ${wrong}`)).status).toBe(status)
  expect([(await manager.uploads()).length, await manager.handoffs()]).toEqual([before, []])
})

test.each([
  ['maxBytes', { maxBytes: 5 }, 413],
  ['maxSize', { maxSize: () => 5 }, 413],
  ['accept', { accept: { types: ['image/png'] } }, 415],
  ['validate', { accept: { validate: () => Promise.reject(new Error('a virus')) } }, 500],
] as [string, Partial<TusOptions>, number][])(
  'a concatenation that %s refuses leaves nothing but its parts',
  async (_, options, status) => {
    const { manager, url } = await running(options)
    const parts = `${await part(url, 'abc')} ${await part(url, 'def')}`
    expect((await join(url, parts)).status).toBe(status)
    expect([(await manager.uploads()).map(({ bytes }) => bytes), await manager.handoffs()]).toEqual([
      [3, 3],
      [],
    ])
  },
)

test('a concatenation whose onFinish fails leaves its parts, and the same request succeeds later', async () => {
  let fails = true
  const { manager, url } = await running({
    onFinish: async () => {
      if (fails) throw new Error('The database is down.')
      return {}
    },
  })
  const parts = `${await part(url, 'abc')} ${await part(url, 'def')}`
  expect((await join(url, parts)).status).toBe(500)
  expect([(await manager.uploads()).length, await manager.handoffs()]).toEqual([2, []])
  fails = false
  expect((await join(url, parts)).status).toBe(201)
  expect([(await manager.uploads()).length, (await manager.handoffs()).length]).toEqual([1, 1])
})
