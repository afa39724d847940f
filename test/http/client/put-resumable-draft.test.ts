// The draft's requirements for a client, one row for each requirement of test/resumable/requirements.md, against a server
// whose answers the test gives.

import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished } from 'vitest'
import { type PutOptions, putFile } from '../../../src/http/index.ts'
import { tempManager } from '../../fixtures/temp-base.ts'
import { requirementsOn } from '../../resumable/requirements.ts'

interface Heard {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly bytes: number
}

type Answer = (res: ServerResponse, turn: number) => void

type Answers = Partial<Record<'OPTIONS' | 'POST' | 'HEAD' | 'PATCH' | 'DELETE', Answer>> & {
  /** Called with a POST's header fields; its content is not read. */
  readonly head?: (res: ServerResponse) => void
}

const LENGTH = 10
const CREATED = { location: '/files/one', 'upload-complete': '?0', 'upload-limit': 'min-size=0' }

/** Sends ten bytes, or others, to a server with these answers; returns what it heard, and how the call ended. */
async function conversation(
  answers: Answers,
  {
    content = '0123456789',
    onProgress,
  }: { content?: string | Buffer; onProgress?: PutOptions['onProgress'] } = {},
): Promise<{ heard: Heard[]; most: number; outcome: unknown }> {
  const heard: Heard[] = []
  const turns = new Map<string, number>()
  let [open, most] = [0, 0]
  const all: Required<Omit<Answers, 'head'>> = {
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
    if (method === 'POST' && answers.head !== undefined) return void answers.head(res)
    let bytes = 0
    for await (const chunk of req) bytes += chunk.length
    heard.push({ method, path: url, headers, bytes })
    const turn = turns.get(method) ?? 0
    turns.set(method, turn + 1)
    all[method as keyof typeof all](res, turn) // the client sends only these
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const manager = tempManager()
  const file = await manager.receive(content)
  const { port } = server.address() as AddressInfo // it listens on a port
  const options = { resumable: true, retryDelay: 1, retries: 2, method: 'POST', onProgress } as const
  const outcome = await putFile(`http://127.0.0.1:${port}/files`, file, options).catch(
    (error: unknown) => error,
  )
  return { heard, most, outcome }
}

const { row, complete } = requirementsOn('client')

const of = (heard: readonly Heard[], method: string): Heard[] => heard.filter((one) => one.method === method)
const reset = (res: ServerResponse): void => void res.socket?.destroy()

row(
  '4.1.3-1 4.1.3-3 4.1.3-4 4.2.1-1 11.1.1-1',
  'the length is communicated with the first request, and the same one after that',
  async () => {
    const { heard } = await conversation({})
    expect(of(heard, 'POST')[0]?.headers['upload-length']).toBe(String(LENGTH))
    const [patch] = of(heard, 'PATCH')
    expect(Number(patch?.headers['upload-offset']) + Number(patch?.headers['content-length'])).toBe(LENGTH)
  },
)

row('4.1.4-2', 'no request is larger than max-append-size', async () => {
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
})

row('4.1.4-11', 'a limit of an unexpected type makes the whole field count for nothing', async () => {
  const { heard } = await conversation({
    OPTIONS: (res) => void res.writeHead(204, { 'upload-limit': 'max-append-size=4, max-size="big"' }).end(),
  })
  expect(of(heard, 'PATCH').map(({ bytes }) => bytes)).toEqual([LENGTH])
})

row('4.1.4-6 4.2.1-3', 'an upload that cannot be continued within its limits is cancelled', async () => {
  const { heard, outcome } = await conversation({
    POST: (res) => void res.writeHead(201, { ...CREATED, 'upload-limit': 'max-size=5' }).end(),
  })
  expect(outcome).toMatchObject({ code: 'ERR_TEMP_UPLOAD_FAILED', details: { status: 413 } })
  expect(heard.map(({ method, path }) => `${method} ${path}`)).toEqual([
    'OPTIONS /files',
    'POST /files',
    'DELETE /files/one',
  ])
})

row('4.2.1-5', 'nothing is repeated after a 4xx', async () => {
  const { heard, outcome } = await conversation({ POST: (res) => void res.writeHead(403).end() })
  expect(of(heard, 'POST')).toHaveLength(1)
  expect(outcome).toMatchObject({ code: 'ERR_TEMP_UPLOAD_FAILED', details: { status: 403 } })
})

row('4.3.1-4', 'the offset is not asked for while a request with content is under way', async () => {
  const { heard, most } = await conversation({
    PATCH: (res, turn) => (turn === 0 ? reset(res) : void res.writeHead(200).end()),
  })
  expect(heard.map(({ method }) => method)).toEqual(['OPTIONS', 'POST', 'PATCH', 'HEAD', 'PATCH'])
  expect(most).toBe(1)
})

row(
  '4.3.1-2 4.3.1-3',
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
)

row(
  '4.4.1-1 4.4.1-3',
  'an append has its offset, whether it is the last, and the media type of a partial upload',
  async () => {
    const { heard } = await conversation({})
    expect(of(heard, 'PATCH')[0]?.headers).toMatchObject({
      'upload-offset': '0',
      'upload-complete': '?1',
      'content-type': 'application/partial-upload',
    })
  },
)

row('4.4.1-2', 'the offset of an append is that of the response just before', async () => {
  const { heard } = await conversation({
    PATCH: (res, turn) => (turn === 0 ? reset(res) : void res.writeHead(200).end()),
  })
  expect(of(heard, 'PATCH').map(({ headers, bytes }) => [headers['upload-offset'], bytes])).toEqual([
    ['0', 10],
    ['4', 6],
  ])
})

row('4.6-1', 'no two transfers of an upload are under way at once', async () => {
  const { most } = await conversation({
    PATCH: (res, turn) => (turn < 2 ? reset(res) : void res.writeHead(200).end()),
  })
  expect(most).toBe(1)
})

row('B-1', 'every request has the interop version', async () => {
  const { heard } = await conversation({
    PATCH: (res, turn) => (turn === 0 ? reset(res) : void res.writeHead(200).end()),
  })
  expect(heard.map(({ headers }) => headers['upload-draft-interop-version'])).toEqual(heard.map(() => '8'))
})

const interim = (fields: string): string => `HTTP/1.1 104 Upload Resumption Supported\r\n${fields}\r\n\r\n`
const OURS = 'upload-draft-interop-version: 8\r\n'
/** No limits are announced: the whole file goes into the first request. */
const OPTIMISTIC: Answers = { OPTIONS: (res) => void res.writeHead(204).end() }

for (const [version, line] of [
  ['is missing', ''],
  ['is another one', '\r\nupload-draft-interop-version: 7'],
]) {
  row('B-4', `a 104 whose interop version ${version} is ignored`, async () => {
    const { heard } = await conversation({
      ...OPTIMISTIC,
      POST: (res, turn) => {
        if (turn > 0) return void res.writeHead(200).end()
        res.socket?.end(interim(`location: /files/wrong${line}`))
      },
    })
    expect(heard.some(({ path }) => path === '/files/wrong')).toBe(false)
    expect(of(heard, 'POST')).toHaveLength(2)
  })
}

row(
  '4.1.1-3',
  'an Upload-Offset of another type is ignored: nothing is sent from a guessed offset',
  async () => {
    for (const offset of ['', '-4', '4.0', '"4"', '0x4', '4, 4']) {
      const { heard, outcome } = await conversation({
        PATCH: (res) => reset(res),
        HEAD: (res) => void res.writeHead(204, { 'upload-offset': offset }).end(),
      })
      expect(of(heard, 'PATCH')).toHaveLength(1)
      expect(outcome).toMatchObject({ code: 'ERR_TEMP_UPLOAD_FAILED' })
    }
  },
)

row('4.1.2-1', 'an Upload-Complete of another type is ignored: the upload continues', async () => {
  const { heard, outcome } = await conversation({
    POST: (res) => void res.writeHead(201, { ...CREATED, 'upload-complete': 'true' }).end(),
  })
  expect([of(heard, 'PATCH').length, outcome]).toMatchObject([1, { status: 200 }])
})

row(
  '4.1.2-2',
  'an upload whose answer has Upload-Complete ?1 is not resumed, whatever the status',
  async () => {
    for (const [status, code] of [
      [503, 'ERR_TEMP_UPLOAD_FAILED'],
      [409, 'ERR_TEMP_UPLOAD_FAILED'],
    ] as const) {
      const { heard, outcome } = await conversation({
        PATCH: (res) => void res.writeHead(status, { 'upload-complete': '?1' }).end(),
      })
      expect(heard.map(({ method }) => method)).toEqual(['OPTIONS', 'POST', 'PATCH'])
      expect(outcome).toMatchObject({ code, details: { status } })
    }
  },
)

row('4.1.2-2', 'a success with Upload-Complete ?1 before the last byte is the answer', async () => {
  const { heard, outcome } = await conversation({
    POST: (res) => void res.writeHead(201, { ...CREATED, 'upload-limit': 'max-append-size=4' }).end(),
  })
  expect(of(heard, 'PATCH').map(({ bytes }) => bytes)).toEqual([4])
  expect(outcome).toMatchObject({ status: 200, body: 'done' })
})

row('4.1.3-2', 'an Upload-Length of another type changes nothing', async () => {
  const { heard, outcome } = await conversation({
    PATCH: (res, turn) => (turn === 0 ? reset(res) : void res.writeHead(200).end()),
    HEAD: (res) => void res.writeHead(204, { 'upload-offset': '4', 'upload-length': '"3"' }).end(),
  })
  expect([of(heard, 'PATCH').map(({ bytes }) => bytes), outcome]).toMatchObject([[10, 6], { status: 200 }])
})

row('4.1.4-1', 'an Upload-Limit that is not a dictionary is ignored', async () => {
  const { heard } = await conversation({
    POST: (res) => void res.writeHead(201, { ...CREATED, 'upload-limit': 'max-append-size=4,' }).end(),
  })
  expect(of(heard, 'PATCH').map(({ bytes }) => bytes)).toEqual([LENGTH])
})

row('4.1.4-10', 'a limit that is not known is ignored, and the others hold', async () => {
  const { heard } = await conversation({
    POST: (res) =>
      void res.writeHead(201, { ...CREATED, 'upload-limit': 'new="x", max-append-size=6' }).end(),
    PATCH: (res) => void res.writeHead(204, { 'upload-complete': '?0' }).end(),
  })
  expect(of(heard, 'PATCH').map(({ bytes }) => bytes)).toEqual([6, 4])
})

row('4.1.4-3', 'only the last request is smaller than min-append-size', async () => {
  const sizes = { ...CREATED, 'upload-limit': 'min-append-size=4, max-append-size=4' }
  const { heard } = await conversation({
    POST: (res) => void res.writeHead(201, sizes).end(),
    PATCH: (res, turn) =>
      turn === 0 ? reset(res) : void res.writeHead(204, { 'upload-complete': '?0' }).end(),
    HEAD: (res) => void res.writeHead(204, { 'upload-offset': '1' }).end(),
  })
  expect(of(heard, 'PATCH').map(({ bytes, headers }) => [bytes, headers['upload-complete']])).toEqual([
    [4, '?0'],
    [4, '?0'],
    [4, '?0'],
    [1, '?1'],
  ])
})

row('4.1.4-4', 'an upload whose lifetime is over is not accessed: a new one starts', async () => {
  const { heard, outcome } = await conversation({
    POST: (res, turn) =>
      void res.writeHead(201, { ...CREATED, 'upload-limit': turn === 0 ? 'max-age=0' : 'max-age=60' }).end(),
    PATCH: (res, turn) => (turn === 0 ? reset(res) : void res.writeHead(200).end()),
  })
  expect(heard.map(({ method }) => method)).toEqual(['OPTIONS', 'POST', 'PATCH', 'OPTIONS', 'POST', 'PATCH'])
  expect(outcome).toMatchObject({ status: 200 })
})

row('4.1.4-17', 'after a 413 the request is repeated with the size that the response announces', async () => {
  const { heard, outcome } = await conversation({
    PATCH: (res, turn) =>
      void (
        turn === 0
          ? res.writeHead(413, { 'upload-complete': '?0', 'upload-limit': 'max-append-size=6' })
          : res.writeHead(200, { 'upload-complete': turn === 1 ? '?0' : '?1' })
      ).end(),
    HEAD: (res) => void res.writeHead(204, { 'upload-offset': '0' }).end(),
  })
  expect(of(heard, 'PATCH').map(({ bytes }) => bytes)).toEqual([10, 6, 4])
  expect(outcome).toMatchObject({ status: 200 })
})

row('4.1.4-17', 'after a 413 of an intermediary the size is halved, down to min-append-size', async () => {
  const { heard, outcome } = await conversation({
    OPTIONS: (res) => void res.writeHead(204, { 'upload-limit': 'min-append-size=3' }).end(),
    POST: (res) => void res.writeHead(201, { ...CREATED, 'upload-limit': 'min-append-size=3' }).end(),
    PATCH: (res) => void res.writeHead(413).end(),
    HEAD: (res) => void res.writeHead(204, { 'upload-offset': '0' }).end(),
  })
  expect(of(heard, 'PATCH').map(({ bytes }) => bytes)).toEqual([10, 5, 3])
  expect(outcome).toMatchObject({ code: 'ERR_TEMP_UPLOAD_FAILED', details: { status: 413 } })
})

row('4.1.4-17', 'after a 413 to the whole file the upload is created without content', async () => {
  const limits = { 'upload-complete': '?0', 'upload-limit': 'max-append-size=6' }
  const { heard, outcome } = await conversation({
    ...OPTIMISTIC,
    POST: (res, turn) => void (turn === 0 ? res.writeHead(413, limits) : res.writeHead(201, CREATED)).end(),
    PATCH: (res, turn) => void res.writeHead(200, { 'upload-complete': turn === 0 ? '?0' : '?1' }).end(),
  })
  expect(of(heard, 'POST').map(({ bytes }) => bytes)).toEqual([10, 0])
  expect(of(heard, 'PATCH').map(({ bytes }) => bytes)).toEqual([6, 4])
  expect(outcome).toMatchObject({ status: 200 })
})

row('4.2.1-2 4.2.1-3', 'a 104 with a max-size below the file ends the request, and the upload', async () => {
  const { heard, outcome } = await conversation({
    ...OPTIMISTIC,
    head: (res) => void res.socket?.write(interim(`${OURS}location: /files/one\r\nupload-limit: max-size=5`)),
  })
  expect(heard.map(({ method, path }) => `${method} ${path}`)).toEqual([
    'OPTIONS /files',
    'DELETE /files/one',
  ])
  expect(outcome).toMatchObject({ code: 'ERR_TEMP_UPLOAD_FAILED', details: { status: 413 } })
})

row('4.2.1-4', 'no Content-Disposition of another type than inline is sent', async () => {
  const { heard } = await conversation({})
  for (const { headers } of heard) expect(headers['content-disposition'] ?? 'inline').toMatch(/^inline/)
})

row('4.2.2-7 4.2.2-8', 'an upload with two addresses is cancelled', async () => {
  const { heard, outcome } = await conversation({
    POST: (res) => {
      res.socket?.write(interim(`${OURS}location: /files/one`))
      res.writeHead(201, { ...CREATED, location: '/files/two' }).end()
    },
  })
  expect(heard.map(({ method, path }) => `${method} ${path}`)).toEqual([
    'OPTIONS /files',
    'POST /files',
    'DELETE /files/one',
  ])
  expect(outcome).toMatchObject({ code: 'ERR_TEMP_UPLOAD_FAILED' })
})

row('4.3.1-1', 'the offset is asked for with HEAD', async () => {
  const { heard } = await conversation({
    PATCH: (res, turn) => (turn === 0 ? reset(res) : void res.writeHead(200).end()),
  })
  expect(heard.map(({ method }) => method)).toEqual(['OPTIONS', 'POST', 'PATCH', 'HEAD', 'PATCH'])
})

row('4.3.1-5 4.4.1-4', 'neither HEAD nor PATCH is repeated after a 4xx', async () => {
  const answered = await conversation({ PATCH: (res) => void res.writeHead(400).end() })
  expect(answered.heard.map(({ method }) => method)).toEqual(['OPTIONS', 'POST', 'PATCH'])
  const asked = await conversation({ PATCH: reset, HEAD: (res) => void res.writeHead(400).end() })
  expect(asked.heard.map(({ method }) => method)).toEqual(['OPTIONS', 'POST', 'PATCH', 'HEAD'])
  for (const { outcome } of [answered, asked]) expect(outcome).toMatchObject({ details: { status: 400 } })
})

row(
  '12-1',
  'content is sent while it is read: a server that does not read gets a part of a large file',
  async () => {
    let sent = 0
    const answer = async (res: ServerResponse): Promise<void> => {
      await expect.poll(() => sent).toBeGreaterThan(0)
      res.writeHead(403).end()
    }
    await conversation(
      { ...OPTIMISTIC, head: (res) => void answer(res) },
      {
        content: Buffer.alloc(64_000_000),
        onProgress: ({ bytes }) => (sent = bytes),
      },
    )
    expect(sent).toBeLessThan(32_000_000)
  },
)

complete()
