// A whole tus server: @tus/server with this store and locker, and the two extensions that @tus/server has no place for,
// checksum and concatenation. Guarantee: onFinish is called once for each finished file before its client is answered, and
// again with the same ticket only if that answer was lost.

import { ERRORS, Metadata, Server, type ServerOptions, Upload } from '@tus/server'
import type { Digest } from '../claimable/upload-record.ts'
import type { FinishedUpload, TempFileManager } from '../index.ts'
import { randomText } from '../layout.ts'
import { TempFileLocker } from './locker.ts'
import { TempFileStore, type TempFileStoreOptions } from './temp-file-store.ts'

/** The result of a tus upload. */
export interface FinishedTusUpload extends FinishedUpload {
  readonly metadata: Readonly<Record<string, string | null>> | undefined
}

/** What `onFinish` may change of the answer, as @tus/server's own hooks. */
type HookAnswer = Awaited<ReturnType<NonNullable<ServerOptions['onUploadFinish']>>>
type TusRequest = Parameters<NonNullable<ServerOptions['onUploadFinish']>>[0]

/** Options of {@link tusServer}: those of @tus/server without its store and locker, and those of {@link TempFileStore}. */
export type TusOptions = Omit<ServerOptions, 'locker' | 'onUploadFinish'> &
  Omit<TempFileStoreOptions, 'locker'> & {
    /** Called with each finished file, before the client is answered. */
    readonly onFinish?:
      | ((upload: FinishedTusUpload, request: TusRequest) => Promise<HookAnswer | undefined>)
      | undefined
  }

/** Algorithms of Upload-Checksum. */
const ALGORITHMS = ['sha1', 'md5', 'sha256', 'sha512']

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
  const { accept, maxBytes, ttl, maxAge, durable, hash, onFinish, ...serverOptions } = options
  const locker = new TempFileLocker(manager)
  const rules = accept === undefined ? {} : { accept }
  const store = new TempFileStore(manager, { locker, ...rules, maxBytes, ttl, maxAge, durable, hash })
  store.extensions.push('checksum', 'concatenation')
  return new TusServer(store, {
    ...serverOptions,
    locker,
    onUploadFinish: async (request, upload) => {
      if (onFinish === undefined || (await store.concatOf(upload.id)) === 'partial') return {}
      const finished = await store.finished(upload.id)
      return (await onFinish({ ...finished, metadata: upload.metadata }, request)) ?? {}
    },
  })
}

class TusServer extends Server {
  readonly #store: TempFileStore

  constructor(store: TempFileStore, options: Omit<ServerOptions, 'datastore'>) {
    super({ ...options, datastore: store })
    this.#store = store
    const { POST, PATCH, HEAD } = this.handlers
    const [post, patch, head] = [POST.send.bind(POST), PATCH.send.bind(PATCH), HEAD.send.bind(HEAD)]
    const naming = POST.options.namingFunction
    POST.options.namingFunction = async (request, metadata) => {
      const id = (await naming?.(request, metadata)) ?? randomText(16)
      const partial = request.headers.get('upload-concat')?.trim() === 'partial'
      store.expectConcat(id, partial ? 'partial' : undefined)
      store.expectChecksum(id, checksumOf(request.headers.get('upload-checksum')))
      return id
    }
    POST.send = async (request, context, headers) => {
      const concat = request.headers.get('upload-concat')?.trim()
      if (concat?.startsWith('final;'))
        return await this.#concatenate(request, concat, headers ?? new Headers())
      return await post(request, context, headers)
    }
    PATCH.send = async (request, context, headers) => {
      const id = PATCH.getFileIdFromRequest(request)
      if (id !== undefined) store.expectChecksum(id, checksumOf(request.headers.get('upload-checksum')))
      try {
        return await patch(request, context, headers)
      } finally {
        if (id !== undefined) store.expectChecksum(id, undefined)
      }
    }
    HEAD.send = async (request, context, headers) => {
      const response = await head(request, context, headers)
      const id = HEAD.getFileIdFromRequest(request)
      const concat = id === undefined ? undefined : await store.concatOf(id)
      if (concat !== undefined) response.headers.set('Upload-Concat', concat)
      return response
    }
  }

  /** The final upload of partial ones: it has no bytes of its own. */
  async #concatenate(request: TusRequest, concat: string, headers: Headers): Promise<Response> {
    const { POST } = this.handlers
    const parts = concat.slice('final;'.length).trim().split(/\s+/).map(idOfUrl)
    if (request.headers.has('upload-length')) throw ERRORS.INVALID_LENGTH
    const given = request.headers.get('upload-metadata')
    const metadata = given === null ? undefined : Metadata.parse(given)
    const id = (await POST.options.namingFunction?.(request, metadata)) ?? randomText(16)
    if (this.options.onIncomingRequest !== undefined) await this.options.onIncomingRequest(request, id)
    const file = new Upload({ id, offset: 0, ...(metadata === undefined ? {} : { metadata }) })
    await this.#store.concatenate(file, parts)
    const upload = await this.#store.getUpload(id)
    const hook = (await this.options.onUploadFinish?.(request, upload)) ?? {}
    headers.set('Location', POST.generateUrl(request, id))
    headers.set('Upload-Offset', String(upload.offset))
    for (const [name, value] of Object.entries(hook.headers ?? {})) headers.set(name, String(value))
    return new Response(hook.body ?? null, { status: hook.status_code ?? 201, headers })
  }
}

function idOfUrl(url: string): string {
  return decodeURIComponent(/([^/]+)\/?$/.exec(url)?.[1] ?? '')
}

function checksumOf(value: string | null): Digest | undefined {
  if (value === null) return undefined
  const [algorithm = '', base64 = ''] = value.trim().split(/\s+/)
  if (!ALGORITHMS.includes(algorithm)) throw { status_code: 400, body: 'Unsupported checksum algorithm\n' }
  return { algorithm, value: Buffer.from(base64, 'base64').toString('hex') }
}
