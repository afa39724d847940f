import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type FormOptions, receiveForm } from '../../../src/http/index.ts'
import { bodyOf, type RequestBody, refuseRequest } from '../../../src/http/receive/request-body.ts'
import { TempFileError } from '../../../src/index.ts'
import { failure } from '../../fixtures/failures.ts'
import { tempManager } from '../../fixtures/temp-base.ts'

const post = (init: RequestInit): Request => new Request('http://localhost/', { method: 'POST', ...init })

/** Calls `use` with the body of a request that a real server received. */
async function received<T>(init: RequestInit, use: (body: RequestBody) => Promise<T>): Promise<T> {
  let result: Promise<T> | undefined
  const server = http.createServer((req, res) => {
    result = use(bodyOf(req)).finally(() => res.end())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { method: 'POST', ...init })
  if (result === undefined) throw new Error('The server received no request.')
  return await result
}

const kinds: [string, typeof received][] = [
  ['node:http', received],
  ['the Fetch API', (init, use) => use(bodyOf(post(init)))],
]

describe.each(kinds)('requests of %s', (kind, withBody) => {
  test(`the body of a request of ${kind} is a source of its bytes`, async () => {
    const manager = tempManager()
    const file = await withBody({ body: 'content' }, (body) =>
      manager.receive(body.source, { hash: 'sha256' }),
    )
    expect(file.bytes).toBe(7)
  })

  test(`the body of a request of ${kind} has its headers by name, in lower case`, async () => {
    const headers = { 'content-type': 'text/x-test', 'x-a': '1' }
    await withBody({ body: 'x', headers }, async (body) => {
      expect([body.header('content-type'), body.header('x-a'), body.header('x-b')]).toEqual([
        'text/x-test',
        '1',
        undefined,
      ])
    })
  })

  test(`the body of a request of ${kind} knows the length that the client announces, and no other`, async () => {
    const stream = new Blob(['abc']).stream()
    const announced =
      kind === 'node:http' ? { body: 'abc' } : { body: 'abc', headers: { 'content-length': '3' } }
    expect(await withBody(announced, async (body) => body.length)).toBe(3)
    const streamed = { body: stream, duplex: 'half' } as RequestInit // of undici, not in the DOM's types
    expect(await withBody(streamed, async (body) => body.length)).toBeUndefined()
  })

  test(`the body of a request of ${kind} can be refused twice and unread`, async () => {
    await withBody({ body: 'content' }, async (body) => {
      await Promise.all([body.refuse(new Error('refused')), body.refuse(new Error('again'))])
    })
  })
})

describe('bodies of Fetch requests', () => {
  test('a Fetch body that was read before is refused, and the error names the likely reader', async () => {
    const request = post({ body: 'x' })
    await request.text()
    const error = await failure('ERR_TEMP_OPTION_INVALID', () =>
      tempManager().receive(bodyOf(request).source),
    )
    expect(error.message).toContain('body parser')
  })

  test('the body of a Fetch request with a Content-Length that is not a number has an unknown length', () => {
    expect(bodyOf(post({ body: 'x', headers: { 'content-length': '1e3' } })).length).toBeUndefined()
  })

  test('the body of a Fetch request that breaks fails with ERR_TEMP_ABORTED', async () => {
    const body = new ReadableStream({
      pull(controller) {
        controller.error(new Error('The connection was reset.'))
      },
    })
    const request = post({ body, duplex: 'half' } as RequestInit) // of undici, not in the DOM's types
    await failure('ERR_TEMP_ABORTED', () => tempManager().receive(bodyOf(request).source))
  })

  const refuse = (pull: Pull, headers: Record<string, string>, error: Error): Promise<void> => {
    const init = { body: new ReadableStream({ pull }), duplex: 'half', headers } as RequestInit // of undici, not in the DOM's types
    return bodyOf(post(init)).refuse(error)
  }

  test('the body of a Fetch request that is refused is read to its end', async () => {
    let pulled = 0
    await refuse(
      threeTimes(() => (pulled += 1)),
      {},
      new Error('refused'),
    )
    await expect.poll(() => pulled).toBe(3)
  })

  test('a Fetch body refused with `Connection: close` is read to its end before the program can answer', async () => {
    let pulled = 0
    await refuse(
      threeTimes(() => (pulled += 1)),
      { connection: 'close' },
      new Error('refused'),
    )
    expect(pulled).toBe(3)
  })

  test('the body of a Fetch request is read to its end although the options of the program are bad', async () => {
    let pulled = 0
    const body = new ReadableStream({ pull: threeTimes(() => (pulled += 1)) })
    const init = { body, duplex: 'half', headers: { connection: 'close' } } as RequestInit // of undici, not in the DOM's types
    const options = { maxSize: 1 } as FormOptions // a mistake, as from JavaScript
    await failure('ERR_TEMP_OPTION_INVALID', () => receiveForm(post(init), tempManager(), options))
    expect(pulled).toBe(3)
  })

  test('a value that is not a request does not hide that the options are bad', async () => {
    const error = new Error('bad options')
    await expect(refuseRequest({} as Request, error)).rejects.toBe(error) // as from JavaScript
  })

  test.each(['ERR_TEMP_ABORTED', 'ERR_TEMP_TIMEOUT'] as const)(
    'the body of a Fetch request is not waited for after %s',
    async (code) => {
      await refuse(() => new Promise(() => {}), { connection: 'close' }, new TempFileError(code, 'given up'))
    },
  )
})

type Pull = (controller: ReadableStreamDefaultController<Uint8Array>) => void | Promise<void>

/** Ten bytes at a time, twice, and then the end. */
function threeTimes(count: () => number): Pull {
  return (controller) => {
    if (count() === 3) controller.close()
    else controller.enqueue(new Uint8Array(10))
  }
}
