import { createHash } from 'node:crypto'
import { createReadStream, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex, PassThrough, Readable } from 'node:stream'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ByteSource } from '../../src/types.ts'
import { receive, receiveFails } from './receiving.ts'

const BYTES = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => (i * 31 + (i >> 8)) & 255))
const DIGEST = createHash('sha256').update(BYTES).digest('hex')

function* pieces(size: number): Generator<Uint8Array> {
  for (let at = 0; at < BYTES.length; at += size) yield BYTES.subarray(at, at + size)
}

async function* later(size: number): AsyncGenerator<Uint8Array> {
  for (const piece of pieces(size)) {
    await null
    yield piece
  }
}

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sources-test-'))
  writeFileSync(join(directory, 'source'), BYTES)
})
afterAll(() => rm(directory, { recursive: true }))

describe('kinds of sources', () => {
  const kinds: Record<string, () => ByteSource> = {
    'a file stream': () => createReadStream(join(directory, 'source')),
    'a Readable of an async generator': () => Readable.from(later(50_000)),
    'a PassThrough that was paused by hand': () => {
      const through = new PassThrough()
      through.pause()
      Readable.from(pieces(10_000)).pipe(through)
      return through
    },
    'a stream in the encoding latin1': () =>
      createReadStream(join(directory, 'source')).setEncoding('latin1'),
    'a stream in the encoding base64': () =>
      createReadStream(join(directory, 'source')).setEncoding('base64'),
    'a Duplex': () => Duplex.from(later(70_000)),
    'a web stream': () => new Blob([BYTES]).stream(),
    'a web stream of bytes with a slow start': () =>
      new ReadableStream({
        async pull(controller) {
          await null
          controller.enqueue(BYTES)
          controller.close()
        },
      }),
    'a fetch body': () => new Response(BYTES).body ?? '',
    'a Blob': () => new Blob([BYTES]),
    'a File': () => new File([BYTES], 'x.bin'),
    'a Buffer': () => BYTES,
    'an array of chunks': () => [...pieces(99_999)],
    'a generator': () => pieces(1_048_576),
    'a generator of one chunk larger than a block': () => pieces(2_500_000),
    'an async generator': () => later(65_536),
  }
  for (const [kind, make] of Object.entries(kinds)) {
    test(`${kind} arrives whole`, async () => {
      const { result, content } = await receive(make(), { hash: 'sha256' })
      expect(result).toEqual({ bytes: BYTES.length, digest: DIGEST, detectedType: undefined })
      expect(content.equals(BYTES)).toBe(true)
    })
  }

  test('text is written as UTF-8, whole or in chunks', async () => {
    expect((await receive('映画 ✓')).content.toString()).toBe('映画 ✓')
    expect((await receive(['映', '画', Buffer.from(' ✓')])).content.toString()).toBe('映画 ✓')
    expect((await receive(Readable.from(['映', '画 ✓']))).content.toString()).toBe('映画 ✓')
  })

  test('a view writes its own bytes and not those around it', async () => {
    const view = new DataView(Uint8Array.from([1, 2, 3, 4, 5]).buffer, 1, 3)
    expect([...(await receive([new Uint16Array([0x0201]) as never, view as never])).content]).toEqual([
      1, 2, 2, 3, 4,
    ])
  })

  test('an empty source is an empty file with the digest of no bytes', async () => {
    for (const source of ['', Buffer.alloc(0), [], Readable.from([]), new Blob([]), new Blob([]).stream()]) {
      const { result, content } = await receive(source, { hash: 'md5' })
      expect(result).toEqual({
        bytes: 0,
        digest: 'd41d8cd98f00b204e9800998ecf8427e',
        detectedType: undefined,
      })
      expect(content).toHaveLength(0)
    }
  })

  test('the body of a request arrives whole', async () => {
    const server = http.createServer(async (request, response) => {
      const { result } = await receive(request, { hash: 'sha256', expectedBytes: BYTES.length })
      response.end(result.digest)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo // it listens on a port
    const answer = await fetch(`http://127.0.0.1:${port}`, { method: 'POST', body: BYTES })
    expect(await answer.text()).toBe(DIGEST)
    await new Promise((resolve) => server.close(resolve))
  })

  test('a generator that fills the same buffer again and again is copied in time', async () => {
    function* reused(): Generator<Uint8Array> {
      const buffer = Buffer.alloc(200_000)
      for (let round = 0; round < 20; round++) yield buffer.fill(round)
    }
    const { content } = await receive(reused())
    for (let round = 0; round < 20; round++) {
      expect(content.subarray(round * 200_000, (round + 1) * 200_000).every((byte) => byte === round)).toBe(
        true,
      )
    }
  })

  test('position writes into the middle of a file', async () => {
    const { content } = await receive([BYTES, 'end'], {}, { position: 7 })
    expect(content.subarray(0, 7)).toEqual(Buffer.alloc(7))
    expect(content.subarray(7).equals(Buffer.concat([BYTES, Buffer.from('end')]))).toBe(true)
  })
})

test('the same bytes in any chunks give the same file and digest', async () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 400_000 }), { minLength: 1, maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(sizes, fc.constantFrom('sync', 'async', 'node', 'web'), async (cuts, kind) => {
      const chunks: Uint8Array[] = []
      let at = 0
      for (let turn = 0; at < BYTES.length && turn < 400; turn++) {
        const next = at + (cuts[turn % cuts.length] ?? 0)
        chunks.push(BYTES.subarray(at, next))
        at = next
      }
      chunks.push(BYTES.subarray(at))
      async function* async_(): AsyncGenerator<Uint8Array> {
        yield* chunks
      }
      const source: ByteSource =
        kind === 'sync'
          ? chunks
          : kind === 'async'
            ? async_()
            : kind === 'node'
              ? Readable.from(chunks, { objectMode: false })
              : ReadableStream.from(chunks)
      const { result, content } = await receive(source, {
        hash: 'sha256',
        accept: { maxBytes: BYTES.length },
      })
      expect(result.digest).toBe(DIGEST)
      expect(content.equals(BYTES)).toBe(true)
    }),
    { numRuns: 40 },
  )
})

describe('other values', () => {
  const rows: Record<string, unknown> = {
    number: 5,
    null: null,
    undefined: undefined,
    'a plain object': {},
    'a function': () => {},
    'an array of numbers': [1, 2],
    'a stream of objects': Readable.from([{ a: 1 }]),
    'a web stream of objects': ReadableStream.from([{ a: 1 }]),
    'a stream that gives a number': Readable.from(['fine', 7]),
  }
  for (const [what, source] of Object.entries(rows)) {
    test(`a value that is not a source is refused with a typed error: ${what}`, async () => {
      await receiveFails('ERR_TEMP_OPTION_INVALID', source as ByteSource) // hostile on purpose
      if (source instanceof Readable) expect(source.destroyed).toBe(true)
    })
  }
})
