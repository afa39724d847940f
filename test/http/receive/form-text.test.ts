import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { receiveForm } from '../../../src/http/index.ts'
import { FormText } from '../../../src/http/receive/form-text.ts'
import { failureSync } from '../../fixtures/failures.ts'
import { tempManager } from '../../fixtures/temp-base.ts'
import { FORM_TYPE, field, multipart } from '../clients.ts'

const LIMITS = { maxFields: 3, maxFieldBytes: 10, maxTextBytes: 15, decodeJsonParts: false }

function add(
  text: FormText,
  fieldName: string,
  chunks: readonly (string | Uint8Array)[],
  type?: string,
  charset?: string,
) {
  const sink = text.field({ fieldName, fileName: undefined, type, charset })
  for (const chunk of chunks) sink.write(Buffer.from(chunk))
  sink.end()
}

describe('text fields', () => {
  test('text fields arrive by name, one as text and several of one name as a list', () => {
    const text = new FormText(LIMITS)
    add(text, 'a', ['1'])
    add(text, 'b', ['2'])
    add(text, 'a', ['3'])
    expect(text.fields).toEqual({ a: ['1', '3'], b: '2' })
  })

  test('text fields with names that objects inherit are fields as others are', () => {
    const text = new FormText(LIMITS)
    add(text, '__proto__', ['x'])
    add(text, 'constructor', ['y'])
    expect(Object.entries(text.fields)).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ])
  })

  test('text fields whose characters are cut between chunks are whole', () => {
    const text = new FormText(LIMITS)
    const bytes = Buffer.from('€')
    add(text, 'a', [bytes.subarray(0, 1), bytes.subarray(1)])
    expect(text.fields['a']).toBe('€')
  })

  test('text fields that begin with U+FEFF keep it', () => {
    const text = new FormText(LIMITS)
    add(text, 'a', ['\uFEFFa'])
    expect(text.fields['a']).toBe('\uFEFFa')
  })

  test('text fields are read in the charset that they declare, and as UTF-8 when it is unknown', () => {
    const text = new FormText(LIMITS)
    add(text, 'a', [Buffer.from([0xfc])], 'text/plain', 'iso-8859-1')
    add(text, 'b', ['ü'], 'text/plain', 'no-such-charset')
    expect(text.fields).toEqual({ a: 'ü', b: 'ü' })
  })

  test('text fields with bytes that are not text get replacement characters', () => {
    const text = new FormText(LIMITS)
    add(text, 'a', [Buffer.from([0xff])])
    expect(text.fields['a']).toBe('\ufffd')
  })
})

/** Bytes on the heap and outside of it that are in use. */
function memoryInUse(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void // V8's function, by the flag
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

test('a text field that arrives byte by byte takes memory in proportion to its bytes, not to its chunks', async () => {
  const bytes = 200_000
  const body = multipart([field('a', 'x'.repeat(bytes))])
  let before = 0
  let whole = 0
  let sent = 0
  const chunks = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (sent === 0) before = memoryInUse()
      if (sent === body.length - 1) whole = memoryInUse()
      if (sent === body.length) controller.close()
      else controller.enqueue(Uint8Array.of(body[sent++] ?? 0))
    },
  })
  const headers = { 'content-type': FORM_TYPE }
  const init = { method: 'POST', headers, body: chunks, duplex: 'half' } as RequestInit // `duplex` is not in the types
  const { fields } = await receiveForm(new Request('http://localhost/', init), tempManager())
  expect(fields['a']).toHaveLength(bytes)
  expect(whole - before).toBeLessThan(20 * bytes)
})

describe('JSON parts', () => {
  test('a JSON part is a value where decodeJsonParts asks for it, and text elsewhere', () => {
    const decoded = new FormText({ ...LIMITS, decodeJsonParts: true })
    add(decoded, 'a', ['{"n":1}'], 'application/json')
    expect(decoded.fields['a']).toEqual({ n: 1 })
    const plain = new FormText(LIMITS)
    add(plain, 'a', ['{"n":1}'], 'application/json')
    expect(plain.fields['a']).toBe('{"n":1}')
  })

  test('a JSON part may begin with a byte order mark', () => {
    const text = new FormText({ ...LIMITS, decodeJsonParts: true })
    add(text, 'a', ['\uFEFF[1]'], 'application/json')
    expect(text.fields['a']).toEqual([1])
  })

  test('a JSON part that cannot be parsed is refused, with the name of its field', () => {
    const text = new FormText({ ...LIMITS, decodeJsonParts: true })
    const error = failureSync('ERR_TEMP_FORM_INVALID', () => add(text, 'a', ['{'], 'application/json'))
    expect(error.details).toMatchObject({ field: 'a' })
  })
})

describe('limits of text', () => {
  const refused = (act: () => unknown): unknown => failureSync('ERR_TEMP_TOO_LARGE', act).details

  test('maxFields limits the number of text fields', () => {
    const text = new FormText(LIMITS)
    for (const name of ['a', 'b', 'c']) add(text, name, [''])
    expect(refused(() => add(text, 'd', ['']))).toMatchObject({ option: 'maxFields', limit: 3, field: 'd' })
  })

  test('maxFieldBytes limits the bytes of one text field', () => {
    const text = new FormText(LIMITS)
    expect(refused(() => add(text, 'a', ['12345', '67890', '1']))).toMatchObject({
      option: 'maxFieldBytes',
      field: 'a',
    })
  })

  test('maxTextBytes limits the bytes of all text fields and of the parts that are left out', () => {
    const text = new FormText(LIMITS)
    add(text, 'a', ['1234567890'])
    text.ignored().write(Buffer.from('12345'))
    expect(refused(() => add(text, 'b', ['1']))).toMatchObject({ option: 'maxTextBytes', limit: 15 })
  })
})
