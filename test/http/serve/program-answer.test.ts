import { describe, expect, test } from 'vitest'
import {
  checkHeaders,
  checkStatus,
  hasContent,
  mergedHeaders,
} from '../../../src/http/serve/program-answer.ts'

describe("a program's headers", () => {
  test.each([
    [{ 'X-A': '1', Link: '<https://example.org/>; rel="next"' }],
    [{ 'Retry-After': 5 }],
    [{ Trailer: 'Expires' }],
  ])("a program's headers %o pass", (headers) => {
    expect(() => checkHeaders(headers as Record<string, string | number>)).not.toThrow()
  })

  test.each([
    'Connection',
    'HTTP2-Settings',
    'keep-alive',
    'Proxy-Connection',
    'TE',
    'Transfer-Encoding',
    'Upgrade',
    'with space',
    ':status',
  ])('the header %s of a program is refused: HTTP/2 does not allow it', (name) => {
    expect(() => checkHeaders({ [name]: 'x' })).toThrow(
      expect.objectContaining({ code: 'ERR_TEMP_OPTION_INVALID', message: expect.stringContaining(name) }),
    )
  })

  test("a program's headers replace those of the same name, and describe content only where there is some", () => {
    const ready = { ETag: '"1"', 'X-A': '1' }
    const program = { etag: '"2"', 'Content-Language': 'en' }
    expect(mergedHeaders(ready, program)).toEqual({ 'X-A': '1', etag: '"2"', 'Content-Language': 'en' })
    expect(mergedHeaders(ready, program, false)).toEqual({ 'X-A': '1', etag: '"2"' })
  })
})

test.each([
  [200, true],
  [204, false],
  [304, false],
  [599, true],
])('the status %i passes, with content: %s', (status, content) => {
  expect(() => checkStatus(status)).not.toThrow()
  expect(hasContent(status)).toBe(content)
})

test.each([199, 600, 200.5, Number.NaN])('the status %d is refused', (status) => {
  expect(() => checkStatus(status)).toThrow(expect.objectContaining({ code: 'ERR_TEMP_OPTION_INVALID' }))
})
