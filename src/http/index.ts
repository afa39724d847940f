// temp-file-manager/http: files in and out of requests, for node:http and everything built on it, and for the
// Fetch API. Nothing here but the public names.

export type { Progress } from '../progress.ts'
export { type BodyRules, receiveBody } from './body.ts'
export { type FetchOptions, fetchFile } from './fetch-file.ts'
export { receiveForm } from './form.ts'
export type { Form } from './form-reader.ts'
export type { FieldRules, FormRules } from './form-rules.ts'
export { type PutOptions, type PutResult, putFile } from './put-file.ts'
export type { HttpRequest } from './request-body.ts'
export { sendTemp } from './send.ts'
export type { RemoveWhen, Sendable, SendOptions, SendResult } from './send-options.ts'
export type { Owner, UploadedFile } from './uploaded-file.ts'
