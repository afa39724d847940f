// Forms that are refused, and what stays of them: nothing.

import { describe, expect, test } from 'vitest'
import type { FormOptions } from '../../../src/http/index.ts'
import { fileRules } from '../../../src/index.ts'
import { BOUNDARY, curl, FORM_TYPE, field, file, multipart, type Part, post } from '../clients.ts'
import { media } from '../premises.ts'
import { formServer } from './form-server.ts'

const here = formServer()

describe('forms over a limit', () => {
  const two = [file('f', 'a.txt', 'aaaa'), file('g', 'b.txt', 'bbbb')]
  test.each<[string, FormOptions, readonly Part[], string]>([
    ['too many files', { maxFiles: 1 }, two, '413 ERR_TEMP_TOO_LARGE'],
    ['a file too large', { maxFileBytes: 3 }, two, '413 ERR_TEMP_TOO_LARGE'],
    ['in all too large, known by Content-Length', { maxTotalBytes: 10 }, two, '413 ERR_TEMP_TOO_LARGE'],
    ['too many fields', { maxFields: 1 }, [field('a', ''), field('b', '')], '413 ERR_TEMP_TOO_LARGE'],
    ['a text field too large', { maxFieldBytes: 3 }, [field('a', 'abcd')], '413 ERR_TEMP_TOO_LARGE'],
    [
      'all text too large',
      { maxTextBytes: 3 },
      [field('a', 'ab'), field('b', 'cd')],
      '413 ERR_TEMP_TOO_LARGE',
    ],
    ['too many parts', { maxParts: 1 }, [field('a', ''), file('b', 'b', '')], '413 ERR_TEMP_TOO_LARGE'],
    [
      'too many header lines',
      { maxHeaderPairs: 2 },
      [{ head: 'A: 1\r\nB: 2\r\nContent-Disposition: form-data; name="a"', body: '' }],
      '400 ERR_TEMP_FORM_INVALID',
    ],
    [
      'too many files in a field',
      { fields: { f: { maxFiles: 1 } } },
      [file('f', 'a', 'x'), file('f', 'b', 'x')],
      '413 ERR_TEMP_TOO_LARGE',
    ],
    [
      'too large for its field',
      { fields: { f: { maxBytes: 2 } }, maxFileBytes: 100 },
      [file('f', 'a', 'xxx')],
      '413 ERR_TEMP_TOO_LARGE',
    ],
    [
      'a file in a field that is not listed',
      { fields: { f: {} } },
      [file('g', 'a', 'x')],
      '400 ERR_TEMP_FORM_INVALID',
    ],
    [
      'a file in a field called as a member of Object',
      { fields: { f: {} } },
      [file('constructor', 'a', 'x')],
      '400 ERR_TEMP_FORM_INVALID',
    ],
    [
      'a required file missing',
      { fields: { f: { required: true } } },
      [field('f', 'text')],
      '400 ERR_TEMP_FORM_INVALID',
    ],
    [
      'a wrong type for its field',
      { fields: { f: { accept: fileRules.pdf } } },
      [file('f', 'a.txt', 'x')],
      '415 ERR_TEMP_TYPE_REJECTED',
    ],
    ['too small', { accept: { minBytes: 5 } }, two, '422 ERR_TEMP_TOO_SMALL'],
  ])('a form that breaks a rule is refused and leaves nothing: %s', async (_, given, parts, expected) => {
    here.rules = given
    expect(
      await here.answer(
        multipart(
          [field('before', 'x'), file('before', 'before.txt', 'whole')]
            .slice(
              0,
              given.fields || given.maxFiles === 1 || given.maxParts === 1 || given.maxFields === 1 ? 0 : 2,
            )
            .concat(parts),
        ),
      ),
    ).toBe(expected)
  })

  test.each<[string, FormOptions]>([
    ['maxFiles', { maxFiles: -1 }],
    ['maxTotalBytes', { maxTotalBytes: '5 potatoes' }],
    ['a field', { fields: { f: { maxFiles: 0.5 } } }],
  ])('a bad rule is refused as the program’s own fault: %s', async (_, given) => {
    here.rules = given
    expect(await here.answer(multipart([]))).toBe('500 ERR_TEMP_OPTION_INVALID')
  })

  test('an error that a callback throws is thrown unchanged', async () => {
    here.rules = {
      onProgress: () => {
        throw new RangeError('mine')
      },
    }
    expect(await here.answer(multipart(two))).toBe('500 RangeError: mine')
  })

  test('an error with which the promise of a callback rejects is thrown unchanged', async () => {
    here.rules = {
      onProgress: async () => {
        await null
        throw new RangeError('mine')
      },
    }
    expect(await here.answer(multipart(two))).toBe('500 RangeError: mine')
  })
})

describe('broken forms', () => {
  const body = multipart([file('f', 'a.txt', 'aaaa')])
  test.each<[string, Buffer, string, string]>([
    ['another Content-Type', body, 'application/json', '400 ERR_TEMP_FORM_INVALID'],
    ['no boundary', body, 'multipart/form-data', '400 ERR_TEMP_FORM_INVALID'],
    ['an empty boundary', body, 'multipart/form-data; boundary=""', '400 ERR_TEMP_FORM_INVALID'],
    ['another boundary', body, 'multipart/form-data; boundary=other', '400 ERR_TEMP_FORM_INVALID'],
    ['no body', Buffer.alloc(0), FORM_TYPE, '400 ERR_TEMP_FORM_INVALID'],
    [
      'no closing boundary',
      multipart([field('a', '1'), file('f', 'a.txt', 'aaaa')], false),
      FORM_TYPE,
      '400 ERR_TEMP_TRUNCATED',
    ],
    ['cut off in a header', body.subarray(0, 40), FORM_TYPE, '400 ERR_TEMP_TRUNCATED'],
    [
      'a part without a name',
      multipart([{ head: 'Content-Disposition: form-data', body: '' }]),
      FORM_TYPE,
      '400 ERR_TEMP_FORM_INVALID',
    ],
    [
      'a header that never ends',
      multipart([{ head: 'Content-Disposition: form-data; name="a"; filename="b', body: '' }]),
      FORM_TYPE,
      '400 ERR_TEMP_FORM_INVALID',
    ],
    [
      'a header of 20 KB',
      multipart([{ head: `X: ${'x'.repeat(20_000)}\r\nContent-Disposition: form-data; name="a"`, body: '' }]),
      FORM_TYPE,
      '400 ERR_TEMP_FORM_INVALID',
    ],
    ['an empty field name', multipart([field('', 'x')]), FORM_TYPE, '400 ERR_TEMP_FORM_INVALID'],
    [
      'text after a boundary',
      Buffer.from(`--${BOUNDARY}x\r\n\r\n\r\n--${BOUNDARY}--`),
      FORM_TYPE,
      '400 ERR_TEMP_FORM_INVALID',
    ],
    ['a file without a name', multipart([file('f', '', 'bytes')]), FORM_TYPE, '400 ERR_TEMP_FORM_INVALID'],
  ])('a broken form is refused with its reason: %s', async (_, bytes, type, expected) => {
    expect(await here.answer(bytes, type)).toBe(expected)
  })

  test.each(['identity', 'Identity', ''])(
    'a form with the Content-Encoding %j is received',
    async (encoding) => {
      expect((await post(here.server.url, body, { 'content-encoding': encoding })).status).toBe(200)
    },
  )

  test('a form that is compressed as a whole is refused', async () => {
    const response = await post(here.server.url, body, { 'content-encoding': 'gzip' })
    expect(await response.text()).toBe('ERR_TEMP_FORM_INVALID')
  })
})

describe('disguised files', () => {
  test.each(['disguised-elf.mkv', 'disguised-html.mp4', 'disguised-png.avi', 'zeros.mov'])(
    'a form with the disguised file %s is refused, and nothing of it stays',
    async (name) => {
      here.rules = { accept: fileRules.video }
      const { status, out } = await curl(here.server.url, '-F', 'ok=1', '-F', `f=@${media(name)}`)
      expect([status, out]).toEqual([415, 'ERR_TEMP_TYPE_REJECTED'])
    },
  )

  test('a form with an empty file in the place of a video is refused as too small', async () => {
    here.rules = { accept: fileRules.video }
    const { status } = await curl(here.server.url, '-F', `f=@${media('empty.webm')}`)
    expect(status).toBe(422)
  })

  test('a disguised file is refused after a file that was whole already, which is removed with it', async () => {
    here.rules = { accept: fileRules.video }
    const { status } = await curl(
      here.server.url,
      '-F',
      `f=@${media('clip.mp4')}`,
      '-F',
      `f=@${media('disguised-elf.mkv')}`,
    )
    expect(status).toBe(415)
  })
})

test('a refused form leaves no listener on the request', async () => {
  here.rules = { maxFileBytes: 1 }
  await here.answer(multipart([file('f', 'a', 'x'.repeat(100_000))]))
  await expect.poll(() => here.listeners()).toEqual({})
})
