// Reads a source of any kind, chunk by chunk, as fast as the taker allows. Promise: listeners stand from the
// first moment (a late error cannot crash the process), and after `stop` none of them is left.

import type { Readable } from 'node:stream'
import { TempFileError } from '../errors.ts'
import {
  chunkBytes,
  destroySource,
  isBlob,
  isIterable,
  isReadable,
  isWebStream,
  iteratorOf,
  quietly,
  type Source,
  wholeBytes,
} from './source.ts'

/** Takes one chunk; a promise means 'no more until it settles'. The chunk may be reused after that. */
export type Take = (chunk: Uint8Array) => Promise<void> | undefined

/** A source being read. */
export interface Intake {
  /** Bytes to come, where the source knows; otherwise undefined. */
  readonly size: number | undefined
  /** Gives every chunk to `take`; resolves at the end, rejects with the source's or the taker's error. */
  run(take: Take): Promise<void>
  /** Gives the source up, at once and for good. `keep`: a Node stream is paused instead of destroyed. */
  stop(error: unknown, keep: boolean): void
}

/** Begins with a source. @throws ERR_TEMP_OPTION_INVALID, ERR_TEMP_ABORTED, ERR_TEMP_TRUNCATED */
export function openIntake(source: Source): Intake {
  const whole = wholeBytes(source)
  if (whole !== undefined) return wholeIntake(whole)
  if (isReadable(source)) return readableIntake(source)
  if (isWebStream(source)) return webIntake(source)
  if (isBlob(source)) return webIntake(source.stream(), source.size)
  if (isIterable(source)) return iteratorIntake(source)
  throw new TempFileError(
    'ERR_TEMP_OPTION_INVALID',
    'The source must be a readable stream, a web stream, a Blob, an iterable of chunks, bytes or a string.',
  )
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

/** Flowing mode, not `for await`: on http bodies the loop of promises costs a tenth of the throughput. */
function readableIntake(readable: Readable): Intake {
  refuseSpent(readable)
  let settle: ((error?: unknown) => void) | undefined
  let outcome: { error?: unknown } | undefined // what happened before `run` was called
  let busy = false
  let ended = false
  const finish = (error?: unknown): void => {
    outcome ??= error === undefined ? {} : { error }
    settle?.(error)
  }
  const onError = (error: unknown): void => {
    finish(error ?? new Error('The source stream failed without saying why.'))
  }
  const onEnd = (): void => {
    ended = true
    if (!busy) finish()
  }
  const onClose = (): void => {
    if (!ended) finish(closedEarly(readable))
  }
  readable.on('error', onError)
  readable.on('end', onEnd)
  readable.on('close', onClose)
  let onData: ((chunk: unknown) => void) | undefined

  function detach(): void {
    readable.removeListener('error', onError)
    readable.removeListener('end', onEnd)
    readable.removeListener('close', onClose)
    if (onData !== undefined) readable.removeListener('data', onData)
    settle = undefined
  }

  return {
    size: undefined,
    run(take) {
      const held: unknown[] = [] // a stream of the old kind goes on for a moment after pause()
      const offer = (chunk: unknown): void => {
        try {
          const wait = take(chunkBytes(chunk, readable.readableEncoding))
          if (wait === undefined) return
          busy = true
          readable.pause()
          wait.then(proceed, finish)
        } catch (error) {
          finish(error)
        }
      }
      const proceed = (): void => {
        busy = false
        while (held.length > 0 && !busy) offer(held.shift())
        if (busy || outcome !== undefined) return
        if (ended) finish()
        else readable.resume()
      }
      return new Promise<void>((resolve, reject) => {
        settle = (error) => {
          detach()
          if (error === undefined) return resolve()
          readable.pause() // at once: one that gives chunks synchronously would flow for ever, with nobody listening
          reject(error)
        }
        if (outcome !== undefined) return settle(outcome.error)
        onData = (chunk) => {
          if (busy) held.push(chunk)
          else offer(chunk)
        }
        readable.on('data', onData)
        readable.resume() // a stream that was paused by hand does not start by a listener alone
      })
    },
    stop(_error, keep) {
      detach()
      if (keep) readable.pause()
      else destroySource(readable)
    },
  }
}

function refuseSpent(readable: Readable): void {
  if (readable.errored) throw readable.errored
  if (readable.readableEnded) {
    throw new TempFileError(
      'ERR_TEMP_OPTION_INVALID',
      'The source stream has already been read to its end. Receive it before anything else (a body parser) reads it.',
    )
  }
  if (readable.destroyed) throw closedEarly(readable)
}

function closedEarly(readable: Readable): TempFileError {
  if ((readable as { aborted?: unknown }).aborted === true) {
    // IncomingMessage's own word, absent elsewhere
    return new TempFileError(
      'ERR_TEMP_ABORTED',
      'The sender closed the connection before the body was complete.',
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
        const { done, value } = await reader.read()
        if (stopped) return
        if (done) break
        const wait = take(chunkBytes(value))
        if (wait !== undefined) await wait
      }
      reader.releaseLock()
    },
    stop(error) {
      if (stopped) return
      stopped = true
      quietly(reader.cancel(error))
      reader.releaseLock()
    },
  }
}

function iteratorIntake(source: AsyncIterable<unknown> | Iterable<unknown>): Intake {
  const iterator = iteratorOf(source)
  let stopped = false
  return {
    size: undefined,
    async run(take) {
      for (;;) {
        const { done, value } = await iterator.next()
        if (stopped) return
        if (done === true) {
          stopped = true // its `return` is for one that has not ended
          return
        }
        const wait = take(chunkBytes(await value))
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
