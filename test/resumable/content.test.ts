import { expect, test } from 'vitest'
import { type ResumableOptions, resumableUploads } from '../../src/resumable/index.ts'
import { tempManager } from '../fixtures/temp-base.ts'
import { draft, OURS } from './draft-client.ts'

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

test('a misspelt option is refused', () => {
  const manager = tempManager()
  expect(() => resumableUploads(manager, { maxSize: 1 } as ResumableOptions)).toThrow(/maxBytes/)
})
