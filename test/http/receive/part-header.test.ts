import { describe, expect, test } from 'vitest'
import { boundaryOf, fileNameOfDisposition, readPartHeader } from '../../../src/http/receive/part-header.ts'
import { failureSync } from '../../fixtures/failures.ts'

/** The header lines of a part as the parser gives them: each byte one character. */
const part = (disposition: string, contentType?: string) =>
  readPartHeader(
    {
      'content-disposition': [Buffer.from(disposition).toString('latin1')],
      ...(contentType === undefined ? {} : { 'content-type': [contentType] }),
    },
    100,
  )

describe('parts of a form', () => {
  test('a part without a file name is a text field', () => {
    expect(part('form-data; name="title"')).toEqual({
      fieldName: 'title',
      fileName: undefined,
      type: undefined,
      charset: undefined,
    })
  })

  test('a part with a file name is a file, with its type in lower case and its charset', () => {
    expect(part('form-data; name="clip"; filename="a.txt"', 'Text/Plain; charset=UTF-16LE')).toEqual({
      fieldName: 'clip',
      fileName: 'a.txt',
      type: 'text/plain',
      charset: 'UTF-16LE',
    })
  })

  test.each([
    ['text/plain; charset', 'text/plain', undefined],
    ['image/png; foo bar; a="', 'image/png', undefined],
    ['text/plain; charset=latin1 x', 'text/plain', 'latin1'],
    ['; =', undefined, undefined],
  ])('of a malformed Content-Type (%s) of a part counts what can be read', (contentType, type, charset) => {
    expect(part('form-data; name="f"; filename="a"', contentType)).toMatchObject({ type, charset })
  })

  test('a part of bytes without a file name is a file', () => {
    expect(part('form-data; name="clip"', 'application/octet-stream')?.fileName).toBe('file')
  })

  test('the part of a file input that was left empty has an empty file name', () => {
    expect(part('form-data; name="clip"; filename=""', 'application/octet-stream')?.fileName).toBe('')
  })

  test('a part without Content-Disposition is skipped', () => {
    expect(readPartHeader({ 'content-type': ['text/plain'] }, 100)).toBeUndefined()
  })

  test.each([
    ['has two Content-Disposition headers', ['form-data; name="a"', 'form-data; name="b"']],
    ['has no field name', ['form-data; filename="a.txt"']],
    ['has an empty field name', ['form-data; name=""']],
    ['is not form-data', ['attachment; name="a"']],
    ['has an unclosed quotation', ['form-data; name="a']],
    ['has text between parameters', ['form-data; name="a" filename="b"']],
  ])('a part that %s is refused', (_, dispositions) => {
    failureSync('ERR_TEMP_FORM_INVALID', () => readPartHeader({ 'content-disposition': dispositions }, 100))
  })

  test('a part with a field name over the limit is too large, and the error names the option', () => {
    expect(part(`form-data; name="${'x'.repeat(100)}"`)?.fieldName).toHaveLength(100)
    const error = failureSync('ERR_TEMP_TOO_LARGE', () => part(`form-data; name="${'x'.repeat(101)}"`))
    expect(error.details).toMatchObject({ option: 'maxFieldNameBytes', limit: 100 })
  })
})

describe('file names', () => {
  test.each([
    ['of UTF-8', 'filename="résumé.pdf"', 'résumé.pdf'],
    ['with an escaped quotation mark', 'filename="a\\"b.txt"', 'a"b.txt'],
    ['with the backslashes of an old browser', 'filename="C:\\temp\\a.txt"', 'C:\\temp\\a.txt'],
    ['with a semicolon in its quotation', 'filename="a; name=b.txt"', 'a; name=b.txt'],
    ['without quotation', 'filename=a.txt', 'a.txt'],
    ['sent twice: the first counts', 'filename="a.txt"; filename="b.txt"', 'a.txt'],
    ['of RFC 5987, which wins', 'filename="a.txt"; filename*=UTF-8\'\'%E2%82%AC.txt', '€.txt'],
    ['of RFC 5987 in latin1', "filename*=iso-8859-1'en'%A3.txt", '£.txt'],
    ['of RFC 5987 that cannot be read: the plain one counts', 'filename="a.txt"; filename*=x', 'a.txt'],
  ])('a file name is read as its sender meant it: %s', (_, parameter, name) => {
    expect(part(`form-data; name="f"; ${parameter}`)?.fileName).toBe(name)
    expect(fileNameOfDisposition(Buffer.from(`attachment; ${parameter}`).toString('latin1'))).toBe(name)
  })

  test.each(["filename*=koi8-r''%C6", "filename*=UTF-8''%ZZ.exe", 'filename*=x'])(
    'a file name that cannot be read makes its part a file all the same: %s',
    (parameter) => {
      expect(part(`form-data; name="f"; ${parameter}`)?.fileName).toBeDefined()
    },
  )

  test('a file name that is not UTF-8 is read as latin1', () => {
    const headers = { 'content-disposition': ['form-data; name="f"; filename="\u00fc.txt"'] } // the one byte FC
    expect(readPartHeader(headers, 100)?.fileName).toBe('ü.txt')
  })
})

describe('boundaries', () => {
  test.each([
    ['multipart/form-data; boundary=abc', 'abc'],
    ['Multipart/Form-Data; charset=utf-8; boundary="a b;c"', 'a b;c'],
  ])('the boundary of %s is %s', (contentType, boundary) => {
    expect(boundaryOf(contentType)).toBe(boundary)
  })

  test.each([
    undefined,
    '',
    'application/json',
    'multipart/mixed; boundary=abc',
    'multipart/form-data',
    'multipart/form-data; boundary=',
    `multipart/form-data; boundary=${'x'.repeat(201)}`,
  ])('a form with the Content-Type %j is refused', (contentType) => {
    failureSync('ERR_TEMP_FORM_INVALID', () => boundaryOf(contentType))
  })
})
