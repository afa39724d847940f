// The draft's requirements on a client, one row each, with their section in draft-ietf-httpbis-resumable-upload
// (httpwg/http-extensions, 2026-07, interop version 8), against a server that answers by hand.

import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { putFile } from '../../../src/http/index.ts'
import { tempManager } from '../../fixtures/temp-base.ts'

interface Heard {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly bytes: number
}

type Answers = Partial<
  Record<'OPTIONS' | 'POST' | 'HEAD' | 'PATCH' | 'DELETE', (res: ServerResponse, turn: number) => void>
>

const LENGTH = 10
const CREATED = { location: '/files/one', 'upload-complete': '?0', 'upload-limit': 'min-size=0' }

/** Sends ten bytes to a server with these answers; returns what it heard, and how the call ended. */
async function conversation(answers: Answers): Promise<{ heard: Heard[]; most: number; outcome: unknown }> {
  const heard: Heard[] = []
  const turns = new Map<string, number>()
  let [open, most] = [0, 0]
  const all: Required<Answers> = {
    OPTIONS: (res) => void res.writeHead(204, { 'upload-limit': 'min-size=0' }).end(),
    POST: (res) => void res.writeHead(201, CREATED).end(),
    HEAD: (res) => void res.writeHead(204, { 'upload-offset': '4', 'upload-complete': '?0' }).end(),
    PATCH: (res) => void res.writeHead(200, { 'upload-complete': '?1' }).end('done'),
    DELETE: (res) => void res.writeHead(204).end(),
    ...answers,
  }
  const server = createServer(async (req, res) => {
    most = Math.max(most, ++open)
    res.once('close', () => open--)
    const { method = '', url = '', headers } = req
    let bytes = 0
    for await (const chunk of req) bytes += chunk.length
    heard.push({ method, path: url, headers, bytes })
    const turn = turns.get(method) ?? 0
    turns.set(method, turn + 1)
    all[method as keyof Answers](res, turn) // the client sends only these
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const manager = tempManager()
  const file = await manager.receive('0123456789')
  const { port } = server.address() as AddressInfo // it listens on a port
  const options = { resumable: true, retryDelay: 1, retries: 2, method: 'POST' } as const
  const outcome = await putFile(`http://127.0.0.1:${port}/files`, file, options).catch(
    (error: unknown) => error,
  )
  return { heard, most, outcome }
}

const of = (heard: readonly Heard[], method: string): Heard[] => heard.filter((one) => one.method === method)
const reset = (res: ServerResponse): void => void res.socket?.destroy()

const REQUIREMENTS: readonly [
  section: string,
  level: 'MUST' | 'SHOULD',
  what: string,
  check: () => Promise<void>,
][] = [
  [
    '4.1.3',
    'SHOULD',
    'the length is communicated with the first request, and the same one after that',
    async () => {
      const { heard } = await conversation({})
      expect(of(heard, 'POST')[0]?.headers['upload-length']).toBe(String(LENGTH))
      const [patch] = of(heard, 'PATCH')
      expect(Number(patch?.headers['upload-offset']) + Number(patch?.headers['content-length'])).toBe(LENGTH)
    },
  ],
  [
    '4.1.4',
    'MUST',
    'no request is larger than max-append-size',
    async () => {
      const limits = { 'upload-limit': 'max-append-size=4' }
      const { heard } = await conversation({
        OPTIONS: (res) => void res.writeHead(204, limits).end(),
        POST: (res) => void res.writeHead(201, { ...CREATED, ...limits }).end(),
        PATCH: (res) => void res.writeHead(204, { 'upload-complete': '?0' }).end(),
      })
      expect(of(heard, 'PATCH').map(({ bytes, headers }) => [bytes, headers['upload-complete']])).toEqual([
        [4, '?0'],
        [4, '?0'],
        [2, '?1'],
      ])
    },
  ],
  [
    '4.1.4',
    'MUST',
    'a limit of an unexpected type makes the whole field count for nothing',
    async () => {
      const { heard } = await conversation({
        OPTIONS: (res) =>
          void res.writeHead(204, { 'upload-limit': 'max-append-size=4, max-size="big"' }).end(),
      })
      expect(of(heard, 'PATCH').map(({ bytes }) => bytes)).toEqual([LENGTH])
    },
  ],
  [
    '4.1.4',
    'SHOULD',
    'an upload that cannot be continued within its limits is cancelled',
    async () => {
      const { heard, outcome } = await conversation({
        POST: (res) => void res.writeHead(201, { ...CREATED, 'upload-limit': 'max-size=5' }).end(),
      })
      expect(outcome).toMatchObject({ code: 'ERR_TEMP_UPLOAD_FAILED', details: { status: 413 } })
      expect(heard.map(({ method, path }) => `${method} ${path}`)).toEqual([
        'OPTIONS /files',
        'POST /files',
        'DELETE /files/one',
      ])
    },
  ],
  [
    '4.2.1',
    'SHOULD',
    'nothing is repeated after a 4xx',
    async () => {
      const { heard, outcome } = await conversation({ POST: (res) => void res.writeHead(403).end() })
      expect(of(heard, 'POST')).toHaveLength(1)
      expect(outcome).toMatchObject({ code: 'ERR_TEMP_UPLOAD_FAILED', details: { status: 403 } })
    },
  ],
  [
    '4.3.1',
    'MUST',
    'the offset is not asked for while a request with content is under way',
    async () => {
      const { heard, most } = await conversation({
        PATCH: (res, turn) => (turn === 0 ? reset(res) : void res.writeHead(200).end()),
      })
      expect(heard.map(({ method }) => method)).toEqual(['OPTIONS', 'POST', 'PATCH', 'HEAD', 'PATCH'])
      expect(most).toBe(1)
    },
  ],
  [
    '4.3.1',
    'SHOULD',
    'an offset beyond what the client has ends the upload: it is cancelled, and a new one begins',
    async () => {
      const { heard } = await conversation({
        PATCH: (res, turn) => (turn === 0 ? reset(res) : void res.writeHead(200).end()),
        HEAD: (res) => void res.writeHead(204, { 'upload-offset': '11' }).end(),
      })
      expect(heard.map(({ method }) => method)).toEqual([
        'OPTIONS',
        'POST',
        'PATCH',
        'HEAD',
        'DELETE',
        'OPTIONS',
        'POST',
        'PATCH',
      ])
    },
  ],
  [
    '4.4.1',
    'MUST',
    'an append has its offset, whether it is the last, and the media type of a partial upload',
    async () => {
      const { heard } = await conversation({})
      expect(of(heard, 'PATCH')[0]?.headers).toMatchObject({
        'upload-offset': '0',
        'upload-complete': '?1',
        'content-type': 'application/partial-upload',
      })
    },
  ],
  [
    '4.4.1',
    'SHOULD',
    'the offset of an append is that of the response just before',
    async () => {
      const { heard } = await conversation({
        PATCH: (res, turn) => (turn === 0 ? reset(res) : void res.writeHead(200).end()),
      })
      expect(of(heard, 'PATCH').map(({ headers, bytes }) => [headers['upload-offset'], bytes])).toEqual([
        ['0', 10],
        ['4', 6],
      ])
    },
  ],
  [
    '4.6',
    'MUST',
    'no two transfers of an upload are under way at once',
    async () => {
      const { most } = await conversation({
        PATCH: (res, turn) => (turn < 2 ? reset(res) : void res.writeHead(200).end()),
      })
      expect(most).toBe(1)
    },
  ],
  [
    'B',
    'MUST',
    'every request says the interop version',
    async () => {
      const { heard } = await conversation({
        PATCH: (res, turn) => (turn === 0 ? reset(res) : void res.writeHead(200).end()),
      })
      expect(heard.map(({ headers }) => headers['upload-draft-interop-version'])).toEqual(
        heard.map(() => '8'),
      )
    },
  ],
  ...(['missing', 'another'] as const).map((version): (typeof REQUIREMENTS)[number] => [
    'B',
    'MUST',
    `a 104 whose interop version is ${version === 'missing' ? 'missing' : 'another one'} is ignored`,
    async () => {
      const line = version === 'missing' ? '' : 'upload-draft-interop-version: 7\r\n'
      const { heard } = await conversation({
        OPTIONS: (res) => void res.writeHead(204).end(), // no limits: the whole file in one POST
        POST: (res, turn) => {
          if (turn > 0) return void res.writeHead(200).end()
          res.socket?.end(`HTTP/1.1 104 Upload Resumption Supported\r\nlocation: /files/wrong\r\n${line}\r\n`)
        },
      })
      expect(heard.some(({ path }) => path === '/files/wrong')).toBe(false)
      expect(of(heard, 'POST')).toHaveLength(2)
    },
  ]),
]

for (const [section, level, what, check] of REQUIREMENTS) test(`section ${section}, ${level}: ${what}`, check)
