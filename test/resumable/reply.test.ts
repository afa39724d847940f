import { describe, expect, test } from 'vitest'
import { TempFileError } from '../../src/index.ts'
import {
  failure,
  inconsistentLength,
  mismatchingOffset,
  otherVersion,
  problem,
  type Reply,
} from '../../src/resumable/reply.ts'

const bodyOf = ({ body }: Reply): Record<string, unknown> => JSON.parse(body ?? '')

describe('problems of the draft', () => {
  test('a problem of a mismatching offset has both offsets, so that the client can go on (section 8.1)', () => {
    const reply = mismatchingOffset(10, 4)
    expect(reply.status).toBe(409)
    expect(reply.headers).toMatchObject({
      'Upload-Offset': '10',
      'Upload-Complete': '?0',
      'Content-Type': 'application/problem+json',
    })
    expect(bodyOf(reply)).toMatchObject({
      type: 'https://iana.org/assignments/http-problem-types#mismatching-upload-offset',
      status: 409,
      'expected-offset': 10,
      'provided-offset': 4,
    })
  })

  test('a problem of inconsistent lengths has the type of section 8.2', () => {
    const reply = inconsistentLength()
    expect(reply.status).toBe(400)
    expect(bodyOf(reply)['type']).toBe(
      'https://iana.org/assignments/http-problem-types#inconsistent-upload-length',
    )
  })

  test('a problem of another interop version names the version of the server', () => {
    expect(otherVersion()).toMatchObject({ status: 400, headers: { 'Upload-Draft-Interop-Version': '8' } })
  })

  test('a problem keeps its headers out of its body', () => {
    const reply = problem(423, 'busy', { headers: { 'Retry-After': '1' }, code: 'X' })
    expect(reply.headers).toEqual({ 'Retry-After': '1', 'Content-Type': 'application/problem+json' })
    expect(bodyOf(reply)).toEqual({ type: 'about:blank', title: 'busy', status: 423, code: 'X' })
  })
})

describe('replies to failures', () => {
  test.each([
    ['ERR_TEMP_TOO_LARGE', 413],
    ['ERR_TEMP_TYPE_REJECTED', 415],
    ['ERR_TEMP_HANDOFF_GONE', 410],
    ['ERR_TEMP_TICKET_INVALID', 404],
    ['ERR_TEMP_QUOTA', 507],
  ] as const)('the reply to %s has the status %i and the code in its body', (code, status) => {
    const reply = failure(new TempFileError(code, 'No.'), false, { 'Upload-Offset': '3' })
    expect(reply.status).toBe(status)
    expect(reply.headers).toMatchObject({ 'Upload-Offset': '3', 'Upload-Complete': '?0' })
    expect(bodyOf(reply)).toMatchObject(status < 500 ? { code, detail: 'No.' } : { code })
  })

  test('Upload-Complete: ?1 reports to the client that no further data could help', () => {
    expect(failure(new Error('x'), true).headers).toMatchObject({ 'Upload-Complete': '?1' })
  })

  test('the reply to an unknown error shows nothing of it', () => {
    const reply = failure(new Error('password at /etc/secret'), false)
    expect(reply.status).toBe(500)
    expect(reply.body).not.toMatch(/password|secret/)
  })
})
