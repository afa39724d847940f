// Reads a source of any kind, chunk by chunk, no faster than the taker allows.
// Guarantee: from `openIntake` on, an error, an early end or a chunk of the source is kept for `run` and cannot crash
// the process or be lost, whatever the caller does meanwhile; after `stop` or the end of `run` no listener is left.

import type { Readable } from 'node:stream'
import { errnoOf, isTempFileError, nameOf, TempFileError } from '../errors.ts'
import type { ByteSource } from '../types.ts'
import {
  chunkBytes,
  destroySource,
  isBlob,
  isIterable,
  isReadable,
  isWebStream,
  iteratorOf,
  quietly,
  wholeBytes,
} from './source.ts'

/** Takes one chunk; a promise means 'no more until it settles'. The chunk may be reused after that. */
export type Take = (chunk: Uint8Array) => Promise<void> | undefined

/** A source being read. */
export interface Intake {
  /** Bytes to come, where the source knows; otherwise undefined. */
  readonly size: number | undefined
  /** Gives every chunk to `take`; resolves at the end, rejects with the source's or the taker's error. Call it once. */
  run(take: Take): Promise<void>
  /** Gives the source up, at once and for good; idempotent. `keep`: a stream is paused or released, not destroyed. */
  stop(error: unknown, keep: boolean): void
}

/**
 * Begins with a source; call it in the turn in which the source came in. A source that is refused is given up, unless `keep`.
 * @throws ERR_TEMP_OPTION_INVALID, ERR_TEMP_ABORTED, ERR_TEMP_TRUNCATED, ERR_TEMP_IO
 */
export function openIntake(source: ByteSource, keep: boolean): Intake {
  try {
    return intakeOf(source)
  } catch (error) {
    if (!keep) destroySource(source)
    throw sourceError(error)
  }
}

function intakeOf(source: ByteSource): Intake {
  const whole = wholeBytes(source)
  if (whole !== undefined) return wholeIntake(whole)
  if (isReadable(source)) return new ReadableIntake(source)
  if (isWebStream(source)) return webIntake(source)
  if (isBlob(source)) return webIntake(source.stream(), source.size)
  if (isIterable(source)) return iteratorIntake(source)
  throw new TempFileError(
    'ERR_TEMP_OPTION_INVALID',
    'The source must be a readable stream, a web stream, a Blob, an iterable of chunks, bytes or a string.',
  )
}

const GONE = new Set([
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ABORT_ERR',
  'ERR_HTTP2_STREAM_ERROR',
  'UND_ERR_ABORTED',
  'UND_ERR_SOCKET',
])

/** The typed error of a source: a peer that disconnected is an abort, everything else a failure to read. */
function sourceError(error: unknown): TempFileError {
  if (isTempFileError(error)) return error
  const code = errnoOf(error)
  const name = nameOf(error)
  if (name === 'TimeoutError') {
    return new TempFileError('ERR_TEMP_TIMEOUT', 'The source timed out before its end.', { cause: error })
  }
  if (name === 'AbortError' || (code !== undefined && GONE.has(code))) {
    return new TempFileError('ERR_TEMP_ABORTED', 'The sender disconnected before the end.', { cause: error })
  }
  return new TempFileError('ERR_TEMP_IO', "Could not read the source. See this error's cause.", {
    cause: error,
  })
}

function wholeIntake(bytes: Uint8Array): Intake {
  return {
    size: bytes.byteLength,
    async run(take) {
      if (bytes.byteLength > 0) await take(bytes)
    },
    stop() {},
  }
}

/** A Node stream. In flowing mode, not `for await`: on http bodies the loop of promises costs a tenth of the throughput. */
class ReadableIntake implements Intake {
  readonly size = undefined
  readonly #readable: Readable
  /** Chunks that arrived before `run`, or after `pause()`: streams of the old kind do not stop at once. */
  readonly #held: unknown[] = []
  #take: Take | undefined
  /** The taker is at work: nothing may be offered. */
  #busy = true
  #ended = false
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
    // HTTP/2 ends a request that its client has cancelled like one that is complete.
    if (isCutOff(this.#readable)) this.#finish({ error: closedEarly(this.#readable) })
    this.#ended = true
    if (!this.#busy) this.#finish({})
  }

  readonly #onClose = (): void => {
    if (!this.#ended) this.#finish({ error: closedEarly(this.#readable) })
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
    if (this.#ended) this.#finish({})
    else this.#readable.resume()
  }

  #finish(outcome: { readonly error?: unknown }): void {
    this.#outcome ??= outcome
    this.#settle?.()
  }

  #detach(): void {
    this.#settle = undefined
    this.#busy = true
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

/** What requests of node:http and streams of node:http2 have beside a Readable's members; absent elsewhere. */
interface PeerStream {
  readonly aborted?: unknown
  readonly httpVersion?: unknown
  readonly rstCode?: unknown
  readonly stream?: { readonly rstCode?: unknown }
}

/** Whether a request, or a stream of HTTP/2, was given up by its peer before its end. */
function isCutOff(readable: Readable): boolean {
  const { aborted, httpVersion, rstCode, stream } = readable as PeerStream // each member is checked
  if (httpVersion !== undefined && aborted === true) return true
  const code = rstCode ?? stream?.rstCode
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

function webIntake(stream: ReadableStream<unknown>, size?: number): Intake {
  if (stream.locked) {
    throw new TempFileError(
      'ERR_TEMP_OPTION_INVALID',
      'The source stream is locked to another reader. Release it, or receive the body before anything else reads it.',
    )
  }
  const reader = stream.getReader()
  let stopped = false
  return {
    size,
    async run(take) {
      for (;;) {
        const { done, value } = await reader.read().catch((error: unknown) => {
          throw sourceError(error)
        })
        if (stopped) return
        if (done) break
        const wait = take(chunkBytes(value))
        if (wait !== undefined) await wait
      }
      stopped = true
      reader.releaseLock()
    },
    stop(error, keep) {
      if (stopped) return
      stopped = true
      if (!keep) quietly(reader.cancel(error))
      reader.releaseLock()
    },
  }
}

function iteratorIntake(source: AsyncIterable<unknown> | Iterable<unknown>): Intake {
  const iterator = iteratorOf(source)
  let stopped = false
  const next = async (): Promise<IteratorResult<unknown>> => {
    try {
      const { done, value } = await iterator.next()
      return done === true ? { done: true, value: undefined } : { done: false, value: await value }
    } catch (error) {
      throw sourceError(error)
    }
  }
  return {
    size: undefined,
    async run(take) {
      for (;;) {
        const { done, value } = await next()
        if (stopped) return
        if (done === true) {
          stopped = true // its `return` is for one that has not ended
          return
        }
        const wait = take(chunkBytes(value))
        if (wait !== undefined) await wait
      }
    },
    stop() {
      if (stopped) return
      stopped = true
      try {
        quietly(iterator.return?.())
      } catch {
        // A generator's `finally` that throws must not hide why it was stopped.
      }
    },
  }
}
