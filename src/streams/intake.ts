// Reads a source of any kind, chunk by chunk, no faster than the taker allows.
// Guarantee: from `openIntake` on, an error, an early end or a chunk of the source is kept for `run` and cannot crash
// the process or be lost, whatever the caller does meanwhile; after `stop` or the end of `run` no listener is left.

import { TempFileError } from '../errors.ts'
import type { ByteSource } from '../types.ts'
import { ReadableIntake } from './readable-intake.ts'
import { type Intake, sourceError } from './reading.ts'
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

export type { Intake } from './reading.ts'

/**
 * Begins to read a source; call it in the turn in which the source came in. A source that is refused is given up, unless
 * `keep`.
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

function wholeIntake(bytes: Uint8Array): Intake {
  return {
    size: bytes.byteLength,
    async run(take) {
      if (bytes.byteLength > 0) await take(bytes)
    },
    stop() {},
  }
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
