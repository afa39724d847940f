// temp-file-manager/http: files in and out of requests, for node:http and everything built on it, and for the
// Fetch API. Nothing here but the public names.

export type { Progress } from '../types.ts'
export { type FetchOptions, fetchFile } from './client/fetch-file.ts'
export { type PutOptions, type PutResult, type PutSource, putFile } from './client/put-file.ts'
export type { Form } from './receive/form.ts'
export type { DeclaredFile, FieldRules, FormOptions } from './receive/form-options.ts'
export { type BodyOptions, receiveBody } from './receive/receive-body.ts'
export { receiveForm } from './receive/receive-form.ts'
export type { HttpRequest } from './receive/request-body.ts'
export type { Owner, UploadedFile } from './receive/uploaded-file.ts'
export { fileResponse } from './serve/file-response.ts'
export { type Problem, type ProblemResponse, toProblem } from './serve/problem.ts'
export { sendFile } from './serve/send-file.ts'
export type {
  NodeRequest,
  NodeResponse,
  RemoveWhen,
  Sendable,
  SendOptions,
  SendResult,
} from './serve/send-options.ts'
