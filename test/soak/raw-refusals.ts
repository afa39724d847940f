// Every way in which a raw body is refused by receiveBody.

import type { BodyOptions } from '../../src/http/index.ts'
import { fileRules } from '../../src/index.ts'
import { FORM_TYPE } from '../http/clients.ts'
import { bytes, form, large, type Refusal, reject } from './refusals.ts'

const MEGABYTE = 1024 * 1024
const ANY = 'application/octet-stream'
const any = (): BodyOptions => ({})
const whole = bytes(12 * MEGABYTE)
const half = whole.subarray(0, 5 * MEGABYTE)

export const RAW_REFUSALS: readonly Refusal<BodyOptions>[] = [
  {
    name: 'a Content-Length over maxBytes',
    options: () => ({ maxBytes: MEGABYTE }),
    body: whole,
    type: ANY,
    status: 413,
  },
  {
    name: 'a body under minBytes',
    options: () => ({ accept: { minBytes: 100 } }),
    body: bytes(10),
    type: ANY,
    status: 422,
  },
  {
    name: 'content of another type than the rules',
    options: () => ({ accept: fileRules.video, fileName: 'clip.mp4' }),
    body: whole,
    type: 'video/mp4',
    status: 415,
  },
  { name: 'a form', options: any, body: form(large), type: FORM_TYPE, status: 400 },
  {
    name: 'a body of another digest',
    options: () => ({ expectedDigest: { algorithm: 'sha256', value: '0'.repeat(64) } }),
    body: whole,
    type: ANY,
    status: 400,
  },
  {
    name: 'a body that validate rejects',
    options: () => ({ accept: { validate: reject } }),
    body: whole,
    type: ANY,
    status: 500,
  },
  {
    name: 'an option that is misspelt',
    options: () => ({ maxSize: 1 }) as BodyOptions,
    body: whole,
    type: ANY,
    status: 500,
  },
  {
    name: 'a signal that is aborted',
    options: () => ({ signal: AbortSignal.abort() }),
    body: whole,
    type: ANY,
    status: 499,
  },
  {
    name: 'a signal that times out',
    options: () => ({ signal: AbortSignal.timeout(1) }),
    body: half,
    type: ANY,
    announced: whole.length,
    status: 504,
  },
  {
    name: 'a quota that is used up',
    options: any,
    body: whole,
    type: ANY,
    manager: 'full',
    status: 507,
  },
  {
    name: 'a manager that is closed',
    options: any,
    body: whole,
    type: ANY,
    manager: 'closed',
    status: 503,
  },
  {
    name: 'a handler that throws',
    options: any,
    body: whole,
    type: ANY,
    handler: 'throw',
    status: 500,
  },
  {
    name: 'a client that leaves half-way',
    options: any,
    body: half,
    type: ANY,
    announced: whole.length,
    status: undefined,
  },
]
