// Replies of the draft: plain values, which each framework's front writes.

import { toProblem } from '../http/index.ts'
import { isTempFileError } from '../index.ts'
import { INTEROP_VERSION } from './fields.ts'

export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
}

const TYPES = 'https://iana.org/assignments/http-problem-types#'

export function reply(status: number, headers: Record<string, string> = {}): Reply {
  return { status, headers, body: undefined }
}

/** RFC 9457 problem details. */
export function problem(
  status: number,
  title: string,
  { headers = {}, ...members }: { headers?: Record<string, string>; [member: string]: unknown } = {},
): Reply {
  return {
    status,
    headers: { ...headers, 'Content-Type': 'application/problem+json' },
    body: JSON.stringify({ type: 'about:blank', title, status, ...members }),
  }
}

/** Section 7.1 of the draft. */
export function mismatchingOffset(expected: number, provided: number): Reply {
  return problem(409, 'offset from request does not match offset of resource', {
    type: `${TYPES}mismatching-upload-offset`,
    'expected-offset': expected,
    'provided-offset': provided,
    headers: { 'Upload-Offset': String(expected), 'Upload-Complete': '?0' },
  })
}

/** Section 7.2 of the draft. */
export function inconsistentLength(): Reply {
  return problem(400, 'inconsistent length values for upload', {
    type: `${TYPES}inconsistent-upload-length`,
    headers: { 'Upload-Complete': '?0' },
  })
}

/** A problem type of the drafts up to 11, whose clients speak the same interop version. */
export function completedUpload(): Reply {
  return problem(400, 'upload is already completed', {
    type: `${TYPES}completed-upload`,
    headers: { 'Upload-Complete': '?0' },
  })
}

export function otherVersion(): Reply {
  return problem(
    400,
    `This server speaks interop version ${INTEROP_VERSION} of resumable uploads, and no other.`,
    {
      headers: { 'Upload-Draft-Interop-Version': INTEROP_VERSION, 'Upload-Complete': '?0' },
    },
  )
}

/** The reply to a failure; `complete`: nothing the client sends could help. */
export function failure(error: unknown, complete: boolean, headers: Record<string, string> = {}): Reply {
  const { status, body, headers: own } = toProblem(error)
  // Of a resource that is not there the draft's clients expect 404; 410 means the same to others.
  const gone = isTempFileError(error) && error.code === 'ERR_TEMP_TICKET_INVALID'
  const plain = { ...own, ...headers, 'Upload-Complete': complete ? '?1' : '?0' }
  return {
    status: gone ? 404 : status,
    headers: plain,
    body: typeof body === 'string' ? body : JSON.stringify(body),
  }
}
