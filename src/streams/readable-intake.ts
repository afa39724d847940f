// Reads any Node stream: of a file, of a request, or of an old copy of `stream`.
// Guarantee: as in intake.ts. The listeners are there from the constructor on, so no event of the stream is missed.

import { EventEmitter } from 'node:events'
import type { Http2Session } from 'node:http2'
import type { Readable } from 'node:stream'
import { TempFileError } from '../errors.ts'
import { listenTogether } from '../runtime/listen-together.ts'
import { pingsOf } from '../runtime/pings.ts'
import { type Intake, sourceError, type Take } from './reading.ts'
import { chunkBytes, destroySource } from './source.ts'

/** `Http2Session.type` of a server. The listeners for PINGs would hide an error of a program's own client. */
const SERVER = 0

/** How long a client may take to answer a PING. Then the end counts. */
const PING_MS = 5_000

/** In flowing mode, not `for await`: on http bodies the loop of promises costs a tenth of the throughput. */
export class ReadableIntake implements Intake {
  readonly size = undefined
  readonly #readable: Readable
  readonly #unwatch: (() => void) | undefined
  /** Chunks that arrived before `run`, or after `pause()`: streams of the old kind do not stop at once. */
  readonly #held: unknown[] = []
  #take: Take | undefined
  /** The taker is at work: nothing may be offered. */
  #busy = true
  #ended = false
  /** Ended, and not cancelled. */
  #whole = false
  #outcome: { readonly error?: unknown } | undefined
  #settle: (() => void) | undefined

  constructor(readable: Readable) {
    refuseSpent(readable)
    this.#readable = readable
    readable.pause()
    readable.on('error', this.#onError)
    readable.on('end', this.#onEnd)
    readable.on('close', this.#onClose)
    readable.on('data', this.#onData)
    const connection = connectionOf(readable)
    this.#unwatch = connection && listenTogether(connection, 'close', this.#onLost)
  }

  run(take: Take): Promise<void> {
    this.#take = take
    return new Promise<void>((resolve, reject) => {
      this.#settle = () => {
        this.#settle = undefined
        this.#detach()
        if (this.#outcome !== undefined && 'error' in this.#outcome) {
          this.#readable.pause() // or a stream that gives chunks synchronously would flow on without a reader
          reject(this.#outcome.error)
        } else {
          this.#ignoreLateError()
          resolve()
        }
      }
      if (this.#outcome !== undefined && 'error' in this.#outcome) this.#settle()
      else this.#proceed()
    })
  }

  stop(_error: unknown, keep: boolean): void {
    this.#detach()
    this.#held.length = 0
    if (keep) this.#readable.pause()
    else destroySource(this.#readable)
  }

  readonly #onData = (chunk: unknown): void => {
    if (this.#busy) this.#held.push(chunk)
    else this.#offer(chunk)
  }

  readonly #onError = (error: unknown): void => {
    this.#finish({ error: sourceError(error ?? new Error('The source stream failed without a reason.')) })
  }

  readonly #onEnd = (): void => {
    this.#ended = true
    if (isHttp2(this.#readable)) void resetRead(this.#readable).then(this.#onWhole)
    else this.#onWhole()
  }

  readonly #onWhole = (): void => {
    // HTTP/2 ends a request that its client has cancelled like one that is complete.
    if (isCutOff(this.#readable)) this.#finish({ error: closedEarly(this.#readable) })
    this.#whole = true
    if (!this.#busy) this.#finish({})
  }

  readonly #onClose = (): void => {
    if (!this.#ended) this.#finish({ error: closedEarly(this.#readable) })
  }

  readonly #onLost = (): void => {
    // Node has destroyed a request that was not answered yet, and its error follows.
    const readable = this.#readable
    if (!readable.destroyed && isCutOff(readable)) this.#finish({ error: closedEarly(readable) })
  }

  #offer(chunk: unknown): void {
    try {
      const wait = this.#take?.(chunkBytes(chunk, this.#readable.readableEncoding))
      if (wait === undefined) return
      this.#busy = true
      this.#readable.pause()
      wait.then(
        () => this.#proceed(),
        (error: unknown) => this.#finish({ error }),
      )
    } catch (error) {
      this.#finish({ error })
    }
  }

  #proceed(): void {
    if (this.#outcome !== undefined) return
    this.#busy = false
    while (this.#held.length > 0 && !this.#busy) this.#offer(this.#held.shift())
    if (this.#busy || this.#outcome !== undefined) return
    if (this.#whole) this.#finish({})
    else this.#readable.resume()
  }

  #finish(outcome: { readonly error?: unknown }): void {
    this.#outcome ??= outcome
    this.#settle?.()
  }

  #detach(): void {
    this.#settle = undefined
    this.#busy = true
    this.#unwatch?.()
    this.#readable.removeListener('error', this.#onError)
    this.#readable.removeListener('end', this.#onEnd)
    this.#readable.removeListener('close', this.#onClose)
    this.#readable.removeListener('data', this.#onData)
  }

  /** All bytes are here: a stream that destroys itself after its end may still fail in doing so. */
  #ignoreLateError(): void {
    const ignore = (): void => {}
    const readable = this.#readable
    readable.on('error', ignore)
    queueMicrotask(() => {
      if (readable.destroyed && !readable.closed) {
        readable.once('close', () => readable.removeListener('error', ignore))
      } else readable.removeListener('error', ignore)
    })
  }
}

function refuseSpent(readable: Readable): void {
  if (readable.errored) throw readable.errored
  if (isCutOff(readable)) throw closedEarly(readable)
  if (readable.readableEnded) {
    throw new TempFileError(
      'ERR_TEMP_OPTION_INVALID',
      'The source has already been read to its end. Receive it before anything else reads it: a body parser such as express.json or multer, or attachFieldsToBody of @fastify/multipart.',
    )
  }
  if (readable.destroyed) throw closedEarly(readable)
}

/** The members that requests of node:http and streams of node:http2 have besides a Readable's; absent elsewhere. */
interface PeerStream {
  readonly aborted?: unknown
  readonly complete?: unknown
  readonly httpVersion?: unknown
  readonly rstCode?: unknown
  readonly headers?: Readonly<Record<string, unknown>>
  readonly session?: Http2Session
  readonly socket?: unknown
  readonly stream?: { readonly rstCode?: unknown; readonly session?: Http2Session }
}

/** The connection of a message of HTTP/1: Node does not end a request with it that was answered before its end. */
function connectionOf(readable: Readable): (EventEmitter & { readonly destroyed?: unknown }) | undefined {
  const { httpVersion, socket, stream } = readable as PeerStream // each member is checked
  return httpVersion !== undefined && stream === undefined && socket instanceof EventEmitter
    ? socket
    : undefined
}

/** A stream of node:http2, or a request of its compatibility API. */
function isHttp2(readable: Readable): boolean {
  return 'rstCode' in readable || 'stream' in readable
}

/**
 * A client of node:http2 cancels with an orderly end and a reset behind it, which came up to 57 ms later. Resolves when
 * either was read that the client had sent: it answers a PING after both. Content-Length shows by itself what is missing.
 */
async function resetRead(readable: Readable): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve)) // mostly the reset is here
  const peer = readable as PeerStream // each member is checked
  const stream = peer.stream ?? peer
  if (peer.headers?.['content-length'] !== undefined || stream.session?.type !== SERVER) return
  // Twice: Node acknowledges the first before it writes a reset that waits for the end to be written (1 of 100).
  for (let round = 0; round < 2 && !isCutOff(readable); round++)
    if ((await pingsOf(stream)?.ask(PING_MS)) !== 'acknowledged') return
}

/** Whether a request, or a stream of HTTP/2, was given up by its peer before its end. */
function isCutOff(readable: Readable): boolean {
  const { aborted, complete, httpVersion, rstCode, stream } = readable as PeerStream // each member is checked
  if (complete === false && connectionOf(readable)?.destroyed === true) return true
  const code = rstCode ?? stream?.rstCode
  const known = httpVersion !== undefined || typeof code === 'number'
  if (known && aborted === true) return true // also without an error: RST_STREAM may carry NO_ERROR
  return typeof code === 'number' && code !== 0
}

function closedEarly(readable: Readable): TempFileError {
  if (isCutOff(readable)) {
    return new TempFileError(
      'ERR_TEMP_ABORTED',
      'The client closed the connection before the body was complete.',
    )
  }
  return new TempFileError('ERR_TEMP_TRUNCATED', 'The source stream was closed before its end.')
}
