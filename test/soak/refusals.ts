// Every way in which a form is refused: the options of its route, the body that the client sends, the answer.

import type { FormOptions } from '../../src/http/index.ts'
import { fileRules } from '../../src/index.ts'
import { file as filePart, multipart, type Part, field as textField } from '../http/clients.ts'

const MEGABYTE = 1024 * 1024

export interface Refusal<Options = FormOptions> {
  readonly name: string
  /** Options of the route; called for each request. */
  readonly options: () => Options
  /** The complete body, or as much of it as the client sends. */
  readonly body: Buffer
  /** The answer that the client reads; undefined: it leaves before it could read anything. */
  readonly status: number | undefined
  /** Default: multipart/form-data with the right boundary. */
  readonly type?: string
  /** The Content-Length to announce; default: the body's length. */
  readonly announced?: number
  /** The manager that receives it: one without room, or a closed one. Default: one without limits. */
  readonly manager?: 'full' | 'closed'
  /** Middleware refuses these options when it is created, before there is a request. */
  readonly early?: true
  /** The work of the handler with a form that was received. */
  readonly handler?: 'throw'
}

export const bytes = (size: number): Buffer => Buffer.alloc(size, 'x')
export const form = (...parts: Part[]): Buffer => multipart(parts)
const any = (): object => ({})
const video = (): FormOptions => ({ accept: fileRules.video })
export const large = filePart('file', 'large.bin', bytes(12 * MEGABYTE))
export const small = filePart('file', 'small.txt', 'small', 'text/plain')
export const cut = form(large).subarray(0, 5 * MEGABYTE)

/** How any receiver of forms refuses one, whatever its options. */
export const ANY_FORM_REFUSALS: readonly Refusal<object>[] = [
  { name: 'a quota that is used up', options: any, body: form(large), manager: 'full', status: 507 },
  { name: 'a manager that is closed', options: any, body: form(large), manager: 'closed', status: 503 },
  { name: 'a handler that throws', options: any, body: form(large), handler: 'throw', status: 500 },
  {
    name: 'a client that leaves half-way',
    options: any,
    body: cut,
    announced: form(large).length,
    status: undefined,
  },
]

export const FORM_REFUSALS: readonly Refusal[] = [
  {
    name: 'a file over maxFileBytes',
    options: () => ({ maxFileBytes: MEGABYTE }),
    body: form(large),
    status: 413,
  },
  {
    name: 'a form over maxTotalBytes',
    options: () => ({ maxTotalBytes: MEGABYTE }),
    body: form(large),
    status: 413,
  },
  {
    name: 'a second file over the limit',
    options: () => ({ maxFileBytes: '1mb' }),
    body: form(small, large),
    status: 413,
  },
  {
    name: 'too many files',
    options: () => ({ maxFiles: 2 }),
    body: form(small, small, small, large),
    status: 413,
  },
  { name: 'too many parts', options: () => ({ maxParts: 2 }), body: form(small, small, large), status: 413 },
  {
    name: 'too many text fields',
    options: () => ({ maxFields: 1 }),
    body: form(textField('a', '1'), textField('b', '2'), large),
    status: 413,
  },
  {
    name: 'a text field over its limit',
    options: any,
    body: form(textField('a', 'x'.repeat(2 * MEGABYTE)), large),
    status: 413,
  },
  {
    name: 'a field name over its limit',
    options: any,
    body: form(textField('a'.repeat(300), '1'), large),
    status: 413,
  },
  { name: 'an extension that is not accepted', options: video, body: form(large), status: 415 },
  {
    name: 'content of another type than its name',
    options: video,
    body: form(filePart('file', 'clip.mp4', bytes(12 * MEGABYTE), 'video/mp4')),
    status: 415,
  },
  {
    name: 'a good file before one of another type',
    options: () => ({ accept: fileRules.csv }),
    body: form(filePart('file', 'a.csv', 'a,b', 'text/csv'), large),
    status: 415,
  },
  {
    name: 'an empty file',
    options: () => ({ accept: { minBytes: 1 } }),
    body: form(filePart('file', 'empty', ''), large),
    status: 422,
  },
  {
    name: 'a file in a field that is not listed',
    options: () => ({ fields: { other: {} } }),
    body: form(large),
    status: 400,
  },
  {
    name: 'a required file that is missing',
    options: () => ({ fields: { file: {}, other: { required: true } } }),
    body: form(large),
    status: 400,
  },
  {
    name: 'a body that is not a form',
    options: any,
    body: bytes(12 * MEGABYTE),
    type: 'application/json',
    status: 400,
  },
  { name: 'a form without its boundary', options: any, body: bytes(12 * MEGABYTE), status: 400 },
  {
    name: 'a part header that cannot be read',
    options: any,
    body: form({ head: 'no colon', body: 'x' }, large),
    status: 400,
  },
  {
    name: 'a form that ends before its closing boundary',
    options: any,
    body: multipart([large], false),
    status: 400,
  },
  {
    name: 'broken JSON',
    options: () => ({ decodeJsonParts: true }),
    body: form(
      { head: 'Content-Disposition: form-data; name="a"\r\nContent-Type: application/json', body: '{' },
      large,
    ),
    status: 400,
  },
  {
    name: 'a file that validate rejects',
    options: () => ({ accept: { validate: reject } }),
    body: form(large),
    status: 500,
  },
  { name: 'a skip that throws', options: () => ({ skip: reject }), body: form(large), status: 500 },
  {
    name: 'an option that is misspelt',
    options: () => ({ maxFileSize: 1 }) as FormOptions,
    early: true,
    body: form(large),
    status: 500,
  },
  {
    name: 'a signal that is aborted',
    options: () => ({ signal: AbortSignal.abort() }),
    body: form(large),
    status: 499,
  },
  {
    name: 'a signal that times out',
    options: () => ({ signal: AbortSignal.timeout(1) }),
    body: cut,
    announced: form(large).length,
    status: 504,
  },
  ...ANY_FORM_REFUSALS,
]

export function reject(): never {
  throw new Error('refused by the program')
}
