// Every way in which multer with tempStorage refuses a form. Limits of multer itself are an error of multer, which the
// server answers with 500.

import type { StorageOptions } from '../../src/express/index.ts'
import { fileRules } from '../../src/index.ts'
import { file as filePart, multipart, field as textField } from '../http/clients.ts'
import { ANY_FORM_REFUSALS, bytes, form, large, type Refusal, reject, small } from './refusals.ts'

const MEGABYTE = 1024 * 1024

export interface MulterRefusal extends Refusal<StorageOptions> {
  /** Limits of multer. */
  readonly limits?: { readonly fileSize?: number; readonly files?: number; readonly fields?: number }
}

const any = (): StorageOptions => ({})
const medium = filePart('file', 'medium.bin', bytes(MEGABYTE))

export const MULTER_REFUSALS: readonly MulterRefusal[] = [
  {
    name: 'a file over maxBytes',
    options: () => ({ maxBytes: '100kb' }),
    body: form(small, large),
    status: 413,
  },
  {
    name: 'an extension that is not accepted',
    options: () => ({ accept: fileRules.video }),
    body: form(large),
    status: 415,
  },
  {
    name: 'content of another type than its name',
    options: () => ({ accept: fileRules.video }),
    body: form(filePart('file', 'clip.mp4', bytes(12 * MEGABYTE), 'video/mp4')),
    status: 415,
  },
  {
    name: 'an empty file',
    options: () => ({ accept: { minBytes: 1 } }),
    body: form(filePart('file', 'empty', ''), large),
    status: 422,
  },
  {
    name: 'a file that validate rejects',
    options: () => ({ accept: { validate: reject } }),
    body: form(large),
    status: 500,
  },
  {
    name: 'a file over a limit of multer',
    options: any,
    limits: { fileSize: 1000 },
    body: form(small, medium),
    status: 500,
  },
  {
    name: 'more files than a limit of multer',
    options: any,
    limits: { files: 1 },
    body: form(small, medium),
    status: 500,
  },
  {
    name: 'more fields than a limit of multer',
    options: any,
    limits: { fields: 1 },
    body: form(textField('a', '1'), textField('b', '2'), medium),
    status: 500,
  },
  {
    name: 'a form that ends before its closing boundary',
    options: any,
    body: multipart([large], false),
    status: 500,
  },
  ...ANY_FORM_REFUSALS,
]
