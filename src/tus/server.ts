// A whole tus server: @tus/server with this store and locker, and the two extensions that @tus/server has no place for,
// checksum and concatenation. Guarantee: for each upload that the server reports as complete there is one handoff,
// for which onFinish has succeeded.
//   1. the last byte               a crash here: the next HEAD or PATCH finishes the upload
//   2. finish(): the handoff       a crash here: the next HEAD or PATCH calls onFinish, with the same ticket
//   3. onFinish                    it fails: the same; a crash here: it is called again
//   4. its answer is kept          from now on it is given again, and onFinish is not called

import { ERRORS, EVENTS, Metadata, Server, type ServerOptions, TUS_RESUMABLE, Upload } from '@tus/server'
import { discardBehindRefusal } from '../http/receive/discard-rest.ts'
import { endAfterFailure } from '../http/serve/end-after-failure.ts'
import { checkHeaders, checkStatus } from '../http/serve/program-answer.ts'
import type { TempFileManager } from '../index.ts'
import { randomText } from '../layout.ts'
import { log } from '../runtime/observe.ts'
import { urlsOf } from './location.ts'
import { TempFileLocker } from './locker.ts'
import type { RequestFacts } from './request-facts.ts'
import { CHECKSUM_ALGORITHMS, checksumOf, methodInstead, notAPart, partUrls } from './request-fields.ts'
import { TempFileStore } from './temp-file-store.ts'
import { askAgain } from './tus-errors.ts'
import {
  checkTusOptions,
  type HookAnswer,
  isFailure,
  type TusOptions,
  type TusRequest,
} from './tus-options.ts'

/**
 * Makes a tus 1.0 server for any client (tus-js-client, Uppy): creation, creation-with-upload, creation-defer-length,
 * expiration, termination, checksum and concatenation. Needs the package @tus/server, 2.x.
 *
 * @throws ERR_TEMP_OPTION_INVALID
 * @example
 * ```ts
 * import { getTempManager } from 'temp-file-manager'
 * import { tusServer } from 'temp-file-manager/tus'
 *
 * const server = tusServer(getTempManager(), {
 *   path: '/files',
 *   maxBytes: '2gb',
 *   onFinish: async ({ ticket, metadata }) => {
 *     console.log(ticket, metadata?.['filename'])
 *     return {}
 *   },
 * })
 * // node:http: createServer((req, res) => server.handle(req, res)); Express: app.all('/files/*splat', server.handle.bind(server))
 * console.log(server.datastore.extensions.includes('concatenation')) // true
 * ```
 */
export function tusServer(manager: TempFileManager, options: TusOptions): Server {
  checkTusOptions(options)
  const { accept, maxBytes, ttl, maxAge, durable, hash, onFinish, ...serverOptions } = options
  const locker = new TempFileLocker(manager)
  const rules = accept === undefined ? {} : { accept }
  const store = new TempFileStore(manager, { locker, ...rules, maxBytes, ttl, maxAge, durable, hash })
  store.extensions.push('checksum', 'concatenation')
  return new TusServer({ store, locker, onFinish }, serverOptions)
}

interface Parts {
  readonly store: TempFileStore
  readonly locker: TempFileLocker
  readonly onFinish: TusOptions['onFinish']
}

class TusServer extends Server {
  readonly #store: TempFileStore
  readonly #locker: TempFileLocker
  readonly #onFinish: TusOptions['onFinish']

  constructor({ store, locker, onFinish }: Parts, options: Omit<ServerOptions, 'locker'>) {
    super({
      namingFunction: () => randomText(16),
      ...options,
      ...urlsOf(options),
      ...maxSizeOf(options, store),
      allowedHeaders: ['Upload-Checksum', ...(options.allowedHeaders ?? [])],
      exposedHeaders: ['Tus-Checksum-Algorithm', 'Upload-Expires', ...(options.exposedHeaders ?? [])],
      locker,
      datastore: store,
      onUploadFinish: (request, { id }) =>
        request.method === 'POST' ? this.#completeCreation(request, id) : this.#complete(request, id),
    })
    this.#store = store
    this.#locker = locker
    this.#onFinish = onFinish
    const { POST, PATCH, HEAD, OPTIONS } = this.handlers
    const [post, patch, head] = [POST.send.bind(POST), PATCH.send.bind(PATCH), HEAD.send.bind(HEAD)]
    const describe = OPTIONS.send.bind(OPTIONS)
    OPTIONS.send = async (request, context, headers) => {
      const response = await describe(request, context, headers)
      response.headers.set('Tus-Checksum-Algorithm', CHECKSUM_ALGORITHMS)
      return response
    }
    POST.send = async (request, context, headers = new Headers()) => {
      const facts = factsOf(request)
      const { concat } = facts
      if (concat?.startsWith('final;')) return await this.#concatenate(request, concat, headers)
      return await store.during(facts, () => post(request, context, headers))
    }
    PATCH.send = async (request, context, headers) =>
      await store.during({ ...factsOf(request), writes: true }, () => patch(request, context, headers))
    HEAD.send = async (request, context, headers) => {
      const facts = factsOf()
      const response = await store.during(facts, () => head(request, context, headers))
      const id = HEAD.getFileIdFromRequest(request)
      if (facts.seen?.concat !== undefined) response.headers.set('Upload-Concat', facts.seen.concat)
      if (id !== undefined && facts.seen?.finished === true) await this.#answerAgain(request, id, response)
      return response
    }
  }

  /** The answer to the last byte. Calls onFinish, one call at a time, until it has succeeded once. */
  async #complete(request: TusRequest, id: string): Promise<HookAnswer> {
    const onFinish = this.#onFinish
    if (onFinish === undefined) return {}
    return await this.#locked(id, () =>
      this.#store.answerTo(id, async (upload) => checked((await onFinish(upload, request)) ?? {})),
    )
  }

  /** HEAD of a finished upload: the client did not receive the answer to its last byte. @throws what onFinish throws */
  async #answerAgain(request: TusRequest, id: string, response: Response): Promise<void> {
    const answer = await this.#complete(request, id).catch((error: unknown) => {
      throw askAgain(error)
    })
    if (isFailure(answer)) throw askAgain(answer)
    for (const [name, value] of Object.entries(answer.headers ?? {}))
      if (!/^content-/i.test(name)) response.headers.set(name, String(value))
  }

  /** Never rejects: node:http gives the result of its listener to nobody. */
  override async handle(...[req, res]: Parameters<Server['handle']>): Promise<void> {
    try {
      req.method = methodInstead(req.headers['x-http-method-override']) ?? req.method
      if (req.headers['tus-resumable'] !== TUS_RESUMABLE) {
        delete req.headers['tus-resumable'] // @tus/server answers 400 to it, and 412 to none
        res.setHeader('Tus-Version', TUS_RESUMABLE)
      }
      discardBehindRefusal(req, res)
      await super.handle(req, res)
    } catch (error) {
      log.http('the answer to a tus request could not be written: %O', error) // a hook gave what HTTP does not allow
      endAfterFailure(res, error)
    }
  }

  override async handleWeb(request: Request): Promise<Response> {
    const headers = new Headers(request.headers)
    const named = methodInstead(headers.get('x-http-method-override'))
    const otherVersion = headers.get('tus-resumable') !== TUS_RESUMABLE
    if (otherVersion) headers.delete('tus-resumable')
    const method = named ?? request.method
    const plain = named === undefined && !otherVersion
    const whole = named === 'HEAD' ? request.url : request // HEAD may have no body
    const response = await super.handleWeb(plain ? request : new Request(whole, { method, headers }))
    if (otherVersion) response.headers.set('Tus-Version', TUS_RESUMABLE)
    return response
  }

  /** A PATCH with another Content-Type or none: tus 1.0 asks for 415, @tus/server has 400 and 403. */
  override async write(...[context, headers, status, body]: Parameters<Server['write']>): Promise<Response> {
    const notBytes = body === 'Invalid content-type\n' || body === ERRORS.INVALID_CONTENT_TYPE.body
    return await super.write(context, headers, notBytes ? 415 : status, body)
  }

  /** Creates a final upload: as the creation of any other one, with the same hooks and events. */
  async #concatenate(request: TusRequest, concat: string, headers: Headers): Promise<Response> {
    const { POST } = this.handlers
    const { onIncomingRequest, onUploadCreate } = this.options
    if (request.headers.has('upload-length')) throw ERRORS.INVALID_LENGTH
    const parts = partUrls(concat, request.url).map((url) => this.#idOf(url))
    const given = request.headers.get('upload-metadata')
    const metadata = given === null ? undefined : Metadata.parse(given)
    const id = (await POST.options.namingFunction?.(request, metadata)) ?? randomText(16)
    await onIncomingRequest?.(request, id)
    const size = await this.#store.lengthOf(parts)
    const most = await POST.getConfiguredMaxSize(request, id)
    if (most > 0 && size > most) throw ERRORS.ERR_MAX_SIZE_EXCEEDED
    const file = new Upload({ id, offset: 0, size, ...(metadata === undefined ? {} : { metadata }) })
    const { metadata: changed } = (await onUploadCreate?.(request, file)) ?? {}
    if (changed !== undefined) file.metadata = changed
    await this.#locked(id, () => this.#store.concatenate(file, parts, concat))
    const url = POST.generateUrl(request, id)
    POST.emit(EVENTS.POST_CREATE, request, file, url)
    const answer = await this.#completeCreation(request, id)
    await this.#store.removeParts(parts)
    for (const [name, value] of Object.entries({ Location: url, 'Upload-Offset': size, ...answer.headers }))
      headers.set(name, String(value))
    const response = POST.write(answer.status_code ?? 201, headers, answer.body ?? '')
    POST.emit(EVENTS.POST_FINISH, request, response, await this.#store.getUpload(id))
    return response
  }

  /** The last byte came with the creation: after a failure the client has no URL, and sends its request again. */
  async #completeCreation(request: TusRequest, id: string): Promise<HookAnswer> {
    try {
      const answer = await this.#complete(request, id)
      if (isFailure(answer)) throw answer
      return answer
    } catch (error) {
      await this.#store.withdraw(id)
      throw error
    }
  }

  #idOf(url: URL): string {
    const id = this.handlers.POST.getFileIdFromRequest(new Request(url))
    if (id === undefined) throw notAPart()
    return id
  }

  async #locked<T>(id: string, work: () => Promise<T>): Promise<T> {
    const lock = this.#locker.newLock(id)
    await lock.lock(new AbortController().signal, () => {})
    try {
      return await work()
    } finally {
      await lock.unlock()
    }
  }
}

/** @throws ERR_TEMP_OPTION_INVALID for what cannot be sent */
function checked(answer: HookAnswer): HookAnswer {
  checkStatus(answer.status_code ?? 204)
  checkHeaders(answer.headers ?? {})
  return answer
}

/** The smaller of the store's limit and that of @tus/server, where 0 is none: announced as Tus-Max-Size. */
function maxSizeOf(
  { maxSize }: Pick<ServerOptions, 'maxSize'>,
  { mostBytes }: TempFileStore,
): Pick<ServerOptions, 'maxSize'> {
  if (mostBytes === undefined) return {}
  if (maxSize === undefined) return { maxSize: mostBytes }
  return {
    maxSize: async (request, id) => {
      const own = typeof maxSize === 'function' ? await maxSize(request, id) : maxSize
      return own > 0 ? Math.min(own, mostBytes) : mostBytes
    },
  }
}

/** The facts of a request that asks, or of one with a body. */
function factsOf(request?: TusRequest): RequestFacts {
  return {
    checksum: checksumOf(request?.headers.get('upload-checksum') ?? null),
    concat: request?.headers.get('upload-concat')?.trim(),
    writes: false,
    seen: undefined,
  }
}
