// The arguments of public functions that are objects of a program: its manager or scope, its request. Guarantee: from
// JavaScript too, another value throws ERR_TEMP_OPTION_INVALID that names the argument and, where the value contains what
// was meant (Koa's ctx, Hono's c), the way to it.
//
// Recognised by their members: a manager may come from another copy of the package, a request from another realm.

import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import { optionError } from '../errors.ts'
import type { TempFileManager } from '../index.ts'
import { describe } from './options.ts'

type Members = Readonly<Record<string, unknown>>

/** Any object can be read by key. */
function membersOf(value: unknown): Members {
  return typeof value === 'object' && value !== null ? (value as Members) : {}
}

function hasMethods(value: unknown, ...names: readonly string[]): boolean {
  const members = membersOf(value)
  return names.every((name) => typeof members[name] === 'function')
}

export function isManager(value: unknown): value is TempFileManager {
  return hasMethods(value, 'scope', 'receive', 'claim')
}

/** `what` begins the message: 'The first argument'. @throws ERR_TEMP_OPTION_INVALID */
export function requireManager(value: unknown, what: string): TempFileManager {
  if (isManager(value)) return value
  throw optionError('manager', `${what} must be a TempFileManager, not ${describe(value)}.`)
}

/** A manager or a scope. @throws ERR_TEMP_OPTION_INVALID */
export function checkOwner(value: unknown): void {
  if (hasMethods(value, 'receive', 'claim')) return
  throw optionError(
    'owner',
    `The owner of the file must be a TempFileManager or a scope, not ${describe(value)}. Pass getTempManager(), or the scope of the request.`,
  )
}

/** Whether it is a request of node:http or of the compatibility API of node:http2. */
export function isNodeRequest(value: unknown): value is IncomingMessage | Http2ServerRequest {
  const { headers } = membersOf(value)
  return hasMethods(value, 'pipe') && typeof headers === 'object' && headers !== null
}

/** Whether it is a Request of the Fetch API. */
function isFetchRequest(value: unknown): boolean {
  const { headers, method } = membersOf(value) // not its body, which an adapter opens when it is read
  return hasMethods(headers, 'get') && typeof method === 'string'
}

function isNodeResponse(value: unknown): boolean {
  return hasMethods(value, 'setHeader', 'end', 'once')
}

/** A request of node:http or node:http2. @throws ERR_TEMP_OPTION_INVALID */
export function checkNodeRequest(value: unknown): void {
  if (isNodeRequest(value)) return
  if (isFetchRequest(value))
    throw optionError('req', 'req is a Request of the Fetch API. Use fileResponse, which returns a Response.')
  refuse('req', 'a request of node:http or node:http2', value, isNodeRequest)
}

/** A response of node:http or node:http2. @throws ERR_TEMP_OPTION_INVALID */
export function checkNodeResponse(value: unknown): void {
  if (!isNodeResponse(value)) refuse('res', 'a response of node:http or node:http2', value, isNodeResponse)
}

/** A Request of the Fetch API. @throws ERR_TEMP_OPTION_INVALID */
export function checkFetchRequest(value: unknown): void {
  if (isFetchRequest(value)) return
  if (isNodeRequest(value))
    throw optionError('request', 'request is a request of node:http. Use sendFile(req, res, entry).')
  refuse('request', 'a Request of the Fetch API', value, isFetchRequest)
}

/** A request of either kind. @throws ERR_TEMP_OPTION_INVALID */
export function checkRequest(value: unknown): void {
  if (!isRequest(value))
    refuse('request', 'a request of node:http, node:http2 or the Fetch API', value, isRequest)
}

function isRequest(value: unknown): boolean {
  return isNodeRequest(value) || isFetchRequest(value)
}

/** The members in which frameworks keep the object that they wrap. */
const INSIDE = [
  { path: ['raw'], known: "Hono's c.req.raw, Fastify's request.raw and reply.raw" },
  { path: ['req', 'raw'], known: "Hono's c.req.raw" },
  { path: ['req'], known: "Koa's ctx.req" },
  { path: ['res'], known: "Koa's ctx.res" },
  { path: ['request'], known: 'event.request, context.request' },
]

function refuse(
  argument: string,
  expected: string,
  value: unknown,
  fits: (inner: unknown) => boolean,
): never {
  const found = INSIDE.find(({ path }) => fits(path.reduce<unknown>((at, key) => membersOf(at)[key], value)))
  const advice = found === undefined ? '' : ` Pass its ${found.path.join('.')} instead (${found.known}).`
  throw optionError(argument, `${argument} must be ${expected}, not ${describe(value)}.${advice}`)
}
