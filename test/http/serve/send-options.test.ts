import http from 'node:http'
import { describe, expect, test } from 'vitest'
import { checkSendOptions, isClosed, isHttp2 } from '../../../src/http/serve/send-options.ts'
import { failureSync } from '../../fixtures/failures.ts'

describe('options of sendFile', () => {
  test('sendFile accepts all options as the types have them', () => {
    const options = {
      fileName: 'a.pdf',
      disposition: 'inline',
      type: 'application/pdf',
      cacheControl: false,
      acceptRanges: false,
      etag: false,
      lastModified: false,
      headers: { 'x-a': '1' },
      remove: 'after-full-body',
    }
    expect(checkSendOptions(options)).toMatchObject(options)
    expect(() => checkSendOptions(undefined)).not.toThrow()
  })

  test.each([
    ['remove', 'always'],
    ['remove', true],
    ['disposition', 'download'],
    ['cacheControl', true],
    ['acceptRanges', 'none'],
    ['etag', 'W/"1"'],
    ['headers', ['x-a']],
    ['headers', { 'x-a': 1 }],
    ['filename', 'a.pdf'],
    ['maxAge', 1000],
  ])('sendFile refuses the option %s: %j by its name', (option, value) => {
    const error = failureSync('ERR_TEMP_OPTION_INVALID', () => checkSendOptions({ [option]: value }))
    expect(error.message).toContain(option)
    expect(String(error.details?.['option'])).toContain(option)
  })
})

test('a response of node:http is not one of node:http2, and is closed once it is destroyed', () => {
  const response = new http.ServerResponse(new http.IncomingMessage(undefined as never)) // no connection
  expect(isHttp2(response)).toBe(false)
  expect(isClosed(response)).toBe(false)
  response.destroy()
  expect(isClosed(response)).toBe(true)
})
