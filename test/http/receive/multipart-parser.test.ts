import { Dicer } from '@fastify/busboy'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MultipartParser } from '../../../src/http/receive/multipart-parser.ts'
import { BOUNDARY, field, file, multipart } from '../clients.ts'

interface ParsedPart {
  readonly headers: Record<string, readonly string[] | undefined>
  content: string
  complete: boolean
}

/** Parses the pieces; content as latin1. */
function parse(
  pieces: readonly Uint8Array[],
  boundary = BOUNDARY,
): { parts: ParsedPart[]; finished: boolean } {
  const parser = new MultipartParser(boundary, 16)
  const parts: ParsedPart[] = []
  for (const piece of pieces) {
    const own = Uint8Array.from(piece)
    for (const event of parser.parse(own)) {
      const part = parts.at(-1)
      if (event.kind === 'part') parts.push({ headers: { ...event.headers }, content: '', complete: false })
      else if (part === undefined) throw new Error('content before a part')
      else if (event.kind === 'data') part.content += Buffer.from(event.bytes).toString('latin1')
      else part.complete = true
    }
    own.fill(0) // its owner may reuse it
  }
  return { parts, finished: parser.finished }
}

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')

const body = multipart([
  field('title', 'a\r\n--x-boundary-'),
  file('clip', 'a.bin', '\r\n\r\n--x-boundary-\r\r\n--x-boundar\r\n'),
  { head: 'X: 1\r\n folded\r\nContent-Disposition: form-data; name="empty"', body: '' },
  field('last', 'x--x-boundary-x--'),
])

describe('cut forms', () => {
  const whole = parse([body])

  test('a form is parsed into the parts that it was made from', () => {
    expect(whole.finished).toBe(true)
    expect(whole.parts.map(({ content, complete }) => [content, complete])).toEqual([
      ['a\r\n--x-boundary-', true],
      ['\r\n\r\n--x-boundary-\r\r\n--x-boundar\r\n', true],
      ['', true],
      ['x--x-boundary-x--', true],
    ])
    expect(whole.parts[2]?.headers).toEqual({
      x: ['1 folded'],
      'content-disposition': ['form-data; name="empty"'],
    })
  })

  test('a form that is cut in two at any byte is parsed into the same parts', () => {
    for (let at = 0; at <= body.length; at += 1) {
      expect(parse([body.subarray(0, at), body.subarray(at)]), `cut at ${at}`).toEqual(whole)
    }
  })

  test('a form that comes byte by byte is parsed into the same parts', () => {
    expect(parse(Array.from(body, (byte) => Uint8Array.of(byte)))).toEqual(whole)
  })

  test('a form that is cut into pieces of any size is parsed into the same parts', () => {
    for (let size = 2; size < body.length; size += 1) {
      const pieces = Array.from({ length: Math.ceil(body.length / size) }, (_, i) =>
        body.subarray(i * size, (i + 1) * size),
      )
      expect(parse(pieces), `pieces of ${size}`).toEqual(whole)
    }
  })
})

test('content that nearly holds a delimiter survives any cut, and is what Dicer reads from the uncut form', async () => {
  const piece = fc.constantFrom('\r', '\n', '\r\n', '--', '-', 'b', '\r\n--', '\r\n--b', 'text')
  const content = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''))
  await fc.assert(
    fc.asyncProperty(
      fc.array(content, { minLength: 1, maxLength: 4 }),
      fc.nat(200),
      async (contents, cut) => {
        const clean = contents.map((each) => each.replaceAll('\r\n--bound', ''))
        const form = bytes(
          `${clean.map((each) => `--bound\r\nA: 1\r\n\r\n${each}\r\n`).join('')}--bound--\r\n`,
        )
        const pieces = [form.subarray(0, cut), form.subarray(cut)]
        expect(parse(pieces, 'bound').parts.map((part) => part.content)).toEqual(clean)
        expect(await withDicer(form)).toEqual(clean) // cut, Dicer loses a '\r' at a part's end
      },
    ),
    { numRuns: 300 },
  )
})

/** The contents of a form's parts as Dicer finds them. */
async function withDicer(form: Buffer): Promise<string[]> {
  const dicer = new Dicer({ boundary: 'bound' })
  const contents: string[] = []
  dicer.on('part', (part) => {
    const index = contents.push('') - 1
    part.on('data', (data: Buffer) => {
      contents[index] += data.toString('latin1')
    })
  })
  const finished = new Promise((resolve) => dicer.on('finish', resolve))
  dicer.end(form)
  await finished
  return contents
}

describe('bodies that peers accept', () => {
  test.each<[string, string, string[]]>([
    ['a form without parts', '--b--', []],
    ['a form without parts, with a line end', '--b--\r\n', []],
    ['a preamble and an epilogue', 'hello\r\n--b\r\nA: 1\r\n\r\nx\r\n--b--\r\nbye --b', ['x']],
    ['padding after a boundary', '--b \t\r\nA: 1\r\n\r\nx\r\n--b--', ['x']],
    ['a part without a header', '--b\r\n\r\nx\r\n--b--', ['x']],
    ['a part without header and content', '--b\r\n\r\n--b--', ['']],
    ['an empty part', '--b\r\n--b--', ['']],
    ['a part without the empty line of its content', '--b\r\nA: 1\r\n\r\n--b--', ['']],
  ])('a body that peers accept is accepted, cut in two at any byte: %s', (_, text, contents) => {
    for (let at = 0; at <= text.length; at += 1) {
      const { parts, finished } = parse([bytes(text.slice(0, at)), bytes(text.slice(at))], 'b')
      expect([parts.map((part) => part.content), finished], `cut at ${at}`).toEqual([contents, true])
    }
  })

  test('a form that is cut off is not finished, wherever', () => {
    const closing = body.length - '--\r\n'.length
    for (let at = 0; at <= closing; at += 1) expect(parse([body.subarray(0, at)]).finished).toBe(false)
  })
})

describe('ambiguous bodies', () => {
  test.each<[string, string]>([
    ['text after a boundary', '--bc\r\nA: 1\r\n\r\nx\r\n--b--'],
    ['a single dash after a boundary', '--b-\r\nA: 1\r\n\r\nx\r\n--b--'],
    ['endless padding', `--b${' '.repeat(300)}\r\nA: 1\r\n\r\nx\r\n--b--`],
    ['a header that its boundary cuts off', '--b\r\nA: 1\r\n--b--'],
    ['a header line without a colon', '--b\r\nA\r\n\r\nx\r\n--b--'],
    ['a header line without a name', '--b\r\n: 1\r\n\r\nx\r\n--b--'],
    ['a bare line feed in a header', '--b\r\nA: 1\nB: 2\r\n\r\nx\r\n--b--'],
    ['a bare carriage return in a header', '--b\r\nA: 1\rB: 2\r\n\r\nx\r\n--b--'],
    ['a NUL in a header', '--b\r\nA: \0\r\n\r\nx\r\n--b--'],
    ['a header over 16 KiB', `--b\r\nA: ${'x'.repeat(17_000)}\r\n\r\nx\r\n--b--`],
    ['a header over 16 KiB without an end', `--b\r\nA: ${'x'.repeat(17_000)}`],
    ['more header lines than allowed', `--b\r\n${'A: 1\r\n'.repeat(17)}\r\nx\r\n--b--`],
  ])('a body that two parsers could read differently is refused, also cut in two: %s', (_, text) => {
    const step = text.length > 1000 ? 997 : 1
    for (let at = 0; at <= text.length; at += step) {
      expect(() => parse([bytes(text.slice(0, at)), bytes(text.slice(at))], 'b'), `cut at ${at}`).toThrow(
        expect.objectContaining({ code: 'ERR_TEMP_FORM_INVALID' }),
      )
    }
  })

  test('a hostile header line of four times the length takes about four times the work, not sixteen times', () => {
    const [short, long] = [4000, 16_000].map(workOnHeader)
    expect((long ?? 0) / (short ?? 0)).toBeLessThan(9)
  })
})

/** The time for a header line of `length` spaces, the least of 20 attempts: what disturbs one does not disturb all. */
function workOnHeader(length: number): number {
  const chunks = [bytes(`--b\r\nA:${' '.repeat(length)}\0\r\n\r\n`)]
  const attempts = Array.from({ length: 20 }, () => {
    const start = performance.now()
    for (let i = 0; i < 5; i += 1) expect(() => parse(chunks, 'b')).toThrow()
    return performance.now() - start
  })
  return Math.min(...attempts)
}
