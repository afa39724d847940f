// The Fastify plugin: decorators, the parser for forms, the end of a request's temps. Guarantee: the temps end with the
// raw response's 'close', which comes in every case (onResponse misses an aborted upload, onRequestAbort an answered
// one); a manager that the program passes is never closed here; a reply that was hijacked always ends.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { TempFileError } from '../errors.ts'
import type { Form, FormOptions, Sendable, SendOptions, SendResult } from '../http/index.ts'
import { type CheckedForm, checkForm, withDefaults } from '../http/receive/form-options.ts'
import { boundaryOf } from '../http/receive/part-header.ts'
import { receivePreparedForm } from '../http/receive/receive-form.ts'
import { refuseRequest } from '../http/receive/request-body.ts'
import { endAfterFailure } from '../http/serve/end-after-failure.ts'
import { requestScope } from '../http/serve/request-scope.ts'
import { deliver, prepare } from '../http/serve/send-file.ts'
import { TempFileManager, type TempFileManagerOptions, type TempScope } from '../index.ts'
import { oneOf, optionsOf, unchecked } from '../input/options.ts'
import { requireManager } from '../input/program-objects.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The manager of this server's temp files. */
    readonly tempFiles: TempFileManager
  }
  interface FastifyRequest {
    /** The request's temps, removed when its response is over; created when it is first read. */
    readonly temp: TempScope
    /**
     * Receives the request's multipart form; its files live in `request.temp`. Rules given here win over the route's
     * (`config.tempFiles`), and those over the plugin's, one by one.
     * @throws the codes of `receiveForm`; ERR_TEMP_OPTION_INVALID where `attachFieldsToBody` has read the body
     */
    receiveForm(rules?: FormOptions): Promise<Form>
  }
  interface FastifyContextConfig {
    /** Rules of this route's `request.receiveForm()`, checked when the route is declared. */
    readonly tempFiles?: FormOptions | undefined
  }
  interface FastifyReply {
    /**
     * Sends a temp file as `sendFile` of temp-file-manager/http does, with the headers set on the reply. Return or
     * await it. A failure before the first byte goes to Fastify's error handler; a later one destroys the connection.
     * @throws the codes of `sendFile`
     */
    sendTempFile(entry: Sendable, options?: SendOptions): Promise<SendResult>
  }
}

/** Options of the plugin. */
export interface TempFilesOptions {
  /** The manager to use; you close it. Default: one that is created with `options` and closed with the server. */
  readonly manager?: TempFileManager | undefined
  /** Options of the manager that the plugin creates. Not together with `manager`. */
  readonly options?: TempFileManagerOptions | undefined
  /** Default rules of `request.receiveForm()`. */
  readonly rules?: FormOptions | undefined
  /**
   * The parser of `multipart/form-data`: 'builtin' (default) is this plugin; 'external': @fastify/multipart is registered
   * as well, before or after, here or in a nested plugin, and this plugin adds no parser.
   */
  readonly parser?: 'builtin' | 'external' | undefined
}

const FORM = 'multipart/form-data'

/** The checked rules of a route, in its config. */
const ROUTE_RULES = Symbol('temp-file-manager.route-rules')
interface RouteConfig {
  readonly [ROUTE_RULES]?: CheckedForm
}

/**
 * The plugin for Fastify 5: `fastify.tempFiles`, `request.temp`, `request.receiveForm()` and `reply.sendTempFile()`.
 *
 * @throws ERR_TEMP_OPTION_INVALID at registration: an unknown option, a wrong manager, or another plugin parses forms and
 * `parser` is not 'external'
 * @example
 * ```ts
 * import Fastify from 'fastify'
 * import { fileRules } from 'temp-file-manager'
 * import tempFiles from 'temp-file-manager/fastify'
 *
 * const app = Fastify()
 * await app.register(tempFiles, { rules: { accept: fileRules.video } })
 * app.post('/uploads', async (request, reply) => {
 *   const [video] = (await request.receiveForm()).files
 *   if (video === undefined) return reply.code(400).send({ error: 'Choose a file.' })
 *   return reply.code(202).send({ ticket: await video.handOff({ meta: { name: video.originalName } }) })
 * })
 * await app.close()
 * ```
 */
export const tempFiles = fastifyPlugin(register, { name: 'temp-file-manager', fastify: '5.x' })

export default tempFiles

const checkOptions = optionsOf('the Fastify plugin', {
  manager: requireManager,
  options: unchecked<TempFileManagerOptions>(), // by the manager's constructor
  rules: unchecked<FormOptions>(), // by checkForm
  parser: oneOf('builtin', 'external'),
  // Fastify's own options of register() arrive here too.
  prefix: unchecked(),
  logLevel: unchecked(),
  logSerializers: unchecked(),
})

async function register(fastify: FastifyInstance, pluginOptions: TempFilesOptions): Promise<void> {
  const { manager: given, options, rules, parser = 'builtin' } = checkOptions(pluginOptions)
  const pluginRules = checkForm(rules)
  if (given !== undefined && options !== undefined)
    throw invalid('Pass the plugin a manager, or options for one, not both.')
  if (parser === 'builtin') addParser(fastify)
  const manager = given ?? new TempFileManager(options)
  if (given === undefined) fastify.addHook('onClose', () => manager.close())

  const responses = new WeakMap<IncomingMessage, ServerResponse>()
  fastify.addHook('onRequest', (request, reply, done) => {
    responses.set(request.raw, reply.raw)
    done()
  })
  const scopeOf = (request: FastifyRequest): TempScope => {
    const response = responses.get(request.raw)
    if (response !== undefined) return requestScope(manager, request.raw, response)
    throw invalid(
      'This route was declared before the plugin temp-file-manager was registered. Register the plugin first, and await it.',
    )
  }
  fastify.addHook('onRoute', (route) => {
    const own = route.config?.tempFiles
    if (own !== undefined)
      route.config = Object.assign({}, route.config, { [ROUTE_RULES]: checkForm(own, pluginRules) })
  })
  fastify.decorate('tempFiles', manager)
  fastify.decorateRequest('temp', {
    getter() {
      return scopeOf(this)
    },
  })
  fastify.decorateRequest(
    'receiveForm',
    async function (this: FastifyRequest, own?: FormOptions): Promise<Form> {
      const { [ROUTE_RULES]: base = pluginRules } = this.routeOptions.config as RouteConfig // set by the hook above
      let checked: CheckedForm
      let scope: TempScope
      try {
        checked = own === undefined ? base : checkForm(own, base)
        refuseReadBody(this)
        scope = scopeOf(this)
      } catch (error) {
        return await refuseRequest(this.raw, error)
      }
      const form = await receivePreparedForm(this.raw, scope, withDefaults(checked))
      return form as Form // text fields are strings unless decodeJsonParts is set, which its user knows
    },
  )
  fastify.decorateReply('sendTempFile', sendTempFile)
}

function addParser(fastify: FastifyInstance): void {
  if (fastify.hasContentTypeParser(FORM)) {
    throw invalid(
      "Another plugin (@fastify/multipart?) already parses multipart/form-data. Register temp-file-manager with { parser: 'external' }.",
    )
  }
  fastify.addContentTypeParser(FORM, (_request, _payload, done) => done(null)) // the body stays unread until receiveForm() reads it
}

/** With `attachFieldsToBody`, @fastify/multipart has read the whole form into memory before the handler runs. */
function refuseReadBody(request: FastifyRequest): void {
  boundaryOf(request.headers['content-type']) // another content type is the client's mistake: 400
  if (request.body === undefined || request.body === null) return
  throw invalid(
    'The form has already been read into request.body: @fastify/multipart is registered with attachFieldsToBody. Switch that option off, or do not call receiveForm() on this route.',
  )
}

/** After hijack() Fastify no longer answers, so from there on every failure ends the response here. */
async function sendTempFile(
  this: FastifyReply,
  entry: Sendable,
  options: SendOptions = {},
): Promise<SendResult> {
  const { raw } = this
  const answer = await prepare(this.request.raw, raw, entry, options)
  try {
    copyHeaders(this)
  } catch (error) {
    await answer.close()
    throw error
  }
  this.hijack()
  try {
    return await deliver(raw, entry, options, answer)
  } catch (error) {
    endAfterFailure(raw, error)
    throw error
  }
}

/** Fastify checks a header only when it sends it. @throws ERR_TEMP_OPTION_INVALID, without the header */
function copyHeaders(reply: FastifyReply): void {
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value === undefined) continue
    try {
      reply.raw.setHeader(name, value)
    } catch (cause) {
      reply.removeHeader(name)
      throw new TempFileError(
        'ERR_TEMP_OPTION_INVALID',
        `The reply's header ${JSON.stringify(name)} has a value that HTTP does not allow.`,
        { cause },
      )
    }
  }
}

function invalid(message: string): TempFileError {
  return new TempFileError('ERR_TEMP_OPTION_INVALID', message)
}
