import { createHash, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type FetchOptions, fetchFile } from '../../../src/http/index.ts'
import { fileRules, isTempFileError } from '../../../src/index.ts'
import { Premises, type Served, serve } from '../premises.ts'

const content = randomBytes(3_000_000)

let premises: Premises
let server: Served
let handler: RequestListener

beforeEach(async () => {
  premises = new Premises()
  server = await serve((req, res) => handler(req, res))
  handler = (_, res) => res.writeHead(200, { 'content-length': content.length }).end(content)
})

afterEach(async () => {
  await premises.expectNothingLeft()
  await server.close()
  await premises.expectNothingOpen()
  await premises.close()
})

async function failure(options: FetchOptions = {}, path = '/'): Promise<{ code: string; details: unknown }> {
  try {
    await fetchFile(server.url + path, premises.manager, options)
  } catch (error) {
    if (isTempFileError(error)) return { code: error.code, details: error.details }
    throw error
  }
  throw new Error('it was downloaded')
}

test('a download is whole, with digest, progress, and the name of the address', async () => {
  const reported: { bytes: number; total?: number }[] = []
  await using file = await fetchFile(new URL(`${server.url}/a%20b.PDF?x=1`), premises.manager, {
    hash: 'sha256',
    onProgress: (progress) => reported.push(progress),
  })
  expect(file.bytes).toBe(content.length)
  expect(file.digest).toBe(createHash('sha256').update(content).digest('hex'))
  expect(file.name).toMatch(/\.pdf$/)
  expect(reported.at(-1)).toEqual({ bytes: content.length, total: content.length })
})

test('the server may name the file, and need not send its length', async () => {
  handler = (_, res) =>
    res
      .writeHead(200, { 'content-disposition': `attachment; filename*=UTF-8''r%C3%A9sum%C3%A9.docx` })
      .end('x')
  await using file = await fetchFile(server.url, premises.manager)
  expect([file.bytes, file.name.endsWith('.docx')]).toEqual([1, true])
})

test('content that is compressed for the transfer is stored uncompressed', async () => {
  const { gzipSync } = await import('node:zlib')
  handler = (_, res) => {
    const packed = gzipSync(content)
    res.writeHead(200, { 'content-encoding': 'gzip', 'content-length': packed.length }).end(packed)
  }
  await using file = await fetchFile(server.url, premises.manager)
  expect(file.bytes).toBe(content.length)
})

test('ten downloads run concurrently', async () => {
  const { default: pLimit } = await import('p-limit')
  const limit = pLimit(10)
  const files = await Promise.all(
    Array.from({ length: 30 }, (_, i) => limit(() => fetchFile(`${server.url}/${i}`, premises.manager))),
  )
  expect(files.map((file) => file.bytes)).toEqual(Array(30).fill(content.length))
  await Promise.all(files.map((file) => file.remove()))
})

test('an answer that is not 2xx fails with its status', async () => {
  handler = (_, res) => res.writeHead(404).end('no such thing')
  expect(await failure()).toEqual({ code: 'ERR_TEMP_DOWNLOAD_FAILED', details: { status: 404 } })
})

test('a server that is not there fails with the cause', async () => {
  const gone = await serve(() => {})
  await gone.close()
  await expect(fetchFile(gone.url, premises.manager)).rejects.toMatchObject({
    code: 'ERR_TEMP_DOWNLOAD_FAILED',
    cause: { cause: { code: 'ECONNREFUSED' } },
  })
})

test.each<[string, FetchOptions, string]>([
  ['over its limit, known beforehand', { maxBytes: 1000 }, 'ERR_TEMP_TOO_LARGE'],
  ['of the wrong type', { accept: fileRules.video }, 'ERR_TEMP_TYPE_REJECTED'],
  ['too small', { accept: { minBytes: '4mb' } }, 'ERR_TEMP_TOO_SMALL'],
])('a download %s leaves nothing', async (_, options, code) => {
  expect(await failure(options, '/file.mp4')).toMatchObject({ code })
})

test('a download that turns out over its limit leaves nothing, and the server is let go', async () => {
  const closed = new Promise<void>((resolve) => {
    handler = (_, res) => {
      res.on('close', resolve)
      const more = (): void => {
        while (!res.destroyed && res.write(content));
        if (!res.destroyed) res.once('drain', more)
      }
      more()
    }
  })
  expect(await failure({ maxBytes: '5mb' })).toMatchObject({ code: 'ERR_TEMP_TOO_LARGE' })
  await closed
})

test.each([true, false])(
  'a download that breaks off is truncated (length announced: %s)',
  async (announced) => {
    handler = (_, res) => {
      res.writeHead(200, announced ? { 'content-length': content.length } : {})
      res.write(content.subarray(0, 1000), () => res.destroy())
    }
    expect(await failure()).toMatchObject({
      code: 'ERR_TEMP_TRUNCATED',
      details: { bytes: expect.any(Number) },
    })
  },
)

test('a server that falls silent is given up: before the head, and in the body', async () => {
  handler = () => {}
  expect(await failure({ timeout: 30 })).toMatchObject({ code: 'ERR_TEMP_TIMEOUT' })
  handler = (_, res) => void res.write('and then')
  expect(await failure({ timeout: 30 })).toMatchObject({ code: 'ERR_TEMP_TIMEOUT' })
})

interface Agent {
  readonly constructor: new (limits: object) => object
}

/** The dispatchers of Node's fetch, by their symbols. Node 24 and later have two, and which one fetch asks differs. */
function agents(): [symbol, Agent][] {
  const values = globalThis as unknown as Record<symbol, Agent>
  return Object.getOwnPropertySymbols(globalThis)
    .filter(({ description = '' }) => description.startsWith('undici.globalDispatcher.'))
    .map((key) => [key, values[key]] as const)
    .filter((entry): entry is [symbol, Agent] => entry[1]?.constructor.name === 'Agent')
}

test("the limits of Node's own fetch are timeouts too, before the head and in the body", async () => {
  await (await fetch(server.url)).arrayBuffer() // from here on there is a dispatcher
  const usual = agents()
  if (usual.length === 0) throw new Error('fetch has no dispatcher')
  const limited = usual.map(([key, { constructor: Agent }]) => [
    key,
    new Agent({ headersTimeout: 50, bodyTimeout: 50 }),
  ])
  Object.assign(globalThis, Object.fromEntries(limited))
  try {
    handler = () => {}
    const silentHead = failure({ timeout: 0 })
    expect(await silentHead).toMatchObject({ code: 'ERR_TEMP_TIMEOUT' })
    handler = (_, res) => void res.writeHead(200).write('x')
    expect(await failure({ timeout: 0 })).toMatchObject({ code: 'ERR_TEMP_TIMEOUT' })
  } finally {
    Object.assign(globalThis, Object.fromEntries(usual))
  }
})

test('timeout: 0 sets no limit', async () => {
  await using file = await fetchFile(server.url, premises.manager, { timeout: 0 })
  expect(file.bytes).toBe(content.length)
})

test.each([
  { 'a b': 'x' },
  { accept: 'text/Ā' },
  { accept: 'a\r\nb: c' },
  { 'transfer-encoding': 'chunked' },
])('a header that cannot be sent, %j, is the program’s mistake', async (headers) => {
  expect(await failure({ headers: headers as unknown as Record<string, string> })).toEqual({
    code: 'ERR_TEMP_OPTION_INVALID',
    details: { option: 'headers' },
  })
})

test('a name and a password in the address are sent as Authorization, and to no other origin', async () => {
  const seen: unknown[] = []
  const other = await serve((req, res) => {
    seen.push(req.headers.authorization)
    res.end('x')
  })
  handler = (req, res) => {
    seen.push(req.headers.authorization)
    res.writeHead(302, { location: req.url === '/' ? '/again' : other.url }).end()
  }
  await using file = await fetchFile(server.url.replace('//', '//me%40home:p%3Aw@'), premises.manager)
  await other.close()
  expect(file.bytes).toBe(1)
  const basic = `Basic ${Buffer.from('me@home:p:w').toString('base64')}`
  expect(seen).toEqual([basic, basic, undefined])
})

test('a signal ends a download: before, during, by a timeout, and as the owner’s scope ends', async () => {
  expect(await failure({ signal: AbortSignal.abort() })).toMatchObject({ code: 'ERR_TEMP_ABORTED' })
  const controller = new AbortController()
  handler = (_, res) => {
    res.write('and then')
    controller.abort()
  }
  expect(await failure({ signal: controller.signal })).toMatchObject({ code: 'ERR_TEMP_ABORTED' })
  handler = () => {}
  expect(await failure({ signal: AbortSignal.timeout(10) })).toMatchObject({ code: 'ERR_TEMP_TIMEOUT' })
  const scope = premises.manager.scope()
  handler = () => void scope[Symbol.asyncDispose]()
  await expect(fetchFile(server.url, scope)).rejects.toMatchObject({ code: 'ERR_TEMP_ABORTED' })
})

test('redirects are followed, in bounds', async () => {
  handler = (req, res) => {
    const left = Number(req.url?.slice(1))
    if (left === 0) res.end('there')
    else res.writeHead(302, { location: `/${left - 1}` }).end()
  }
  await using file = await fetchFile(`${server.url}/5`, premises.manager)
  expect(file.bytes).toBe(5)
  expect(await failure({}, '/6')).toEqual({ code: 'ERR_TEMP_DOWNLOAD_FAILED', details: { status: 302 } })
  expect(await failure({ maxRedirects: 0 }, '/1')).toMatchObject({ code: 'ERR_TEMP_DOWNLOAD_FAILED' })
})

test('a redirect to a path in UTF-8 is followed, as fetch() follows it', async () => {
  handler = (req, res) => {
    if (req.url === '/') res.writeHead(302, { location: Buffer.from('/résumé').toString('latin1') }).end()
    else res.end(req.url)
  }
  await using file = await fetchFile(server.url, premises.manager)
  expect(await readFile(file.path, 'utf8')).toBe('/r%C3%A9sum%C3%A9')
})

test('a redirect to another origin takes no secrets along', async () => {
  const seen: unknown[] = []
  const other = await serve((req, res) => {
    seen.push(req.headers.authorization, req.headers.cookie, req.headers['x-mine'])
    res.end('x')
  })
  handler = (_, res) => res.writeHead(307, { location: other.url }).end()
  await using file = await fetchFile(server.url, premises.manager, {
    headers: { Authorization: 'secret', cookie: 'secret', 'x-mine': 'kept' },
  })
  expect(file.bytes).toBe(1)
  expect(seen).toEqual([undefined, undefined, 'kept'])
  await other.close()
})

test.each(['file:///etc/passwd', 'data:text/plain,x', 'http://'])(
  'a redirect to %s is refused',
  async (location) => {
    handler = (_, res) => res.writeHead(302, { location }).end()
    expect(await failure()).toMatchObject({ code: 'ERR_TEMP_DOWNLOAD_FAILED' })
  },
)

test.each(['file:///etc/passwd', 'nonsense', 'ftp://x'])('the address %s is refused', async (address) => {
  await expect(fetchFile(address, premises.manager)).rejects.toMatchObject({
    code: 'ERR_TEMP_OPTION_INVALID',
  })
})

test('the program is asked of every address', async () => {
  handler = (_, res) => res.writeHead(302, { location: '/inside' }).end()
  const asked: string[] = []
  const allow = async (url: URL): Promise<boolean> => {
    asked.push(url.pathname)
    return url.pathname !== '/inside'
  }
  expect(await failure({ allow }, '/outside')).toMatchObject({ code: 'ERR_TEMP_DOWNLOAD_FAILED' })
  expect(asked).toEqual(['/outside', '/inside'])
})

test('a look at the whole file may take longer than the silence allowed', async () => {
  let looked = false
  await using file = await fetchFile(server.url, premises.manager, {
    timeout: 500,
    accept: {
      async validate() {
        await new Promise((resolve) => setTimeout(resolve, 700))
        looked = true
      },
    },
  })
  expect([file.bytes, looked]).toEqual([content.length, true])
})
