// Sources that give half of their bytes and then end as the test decides, and a manager that waits while it opens a file.

import { EventEmitter } from 'node:events'
import fs from 'node:fs'
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { PassThrough, type Readable } from 'node:stream'
import type { TempFileErrorCode, TempFileManager } from '../../src/index.ts'
import type { ByteSource } from '../../src/types.ts'
import { tempManager } from '../fixtures/temp-base.ts'

/** A manager that runs `meanwhile` while the file is being opened, which ends when `meanwhile` has. */
export function opening(meanwhile: () => Promise<void> | void): TempFileManager {
  const open: typeof fs.open = ((...args: Parameters<typeof fs.open>) => {
    Promise.resolve(meanwhile()).then(() => fs.open(...args))
  }) as typeof fs.open // its overloads
  const manager = tempManager({ fs: { ...fs, open } })
  manager.file().removeSync()
  return manager
}

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A source that gives half of its bytes and then waits for what the test decides. */
export interface Subject {
  readonly source: ByteSource
  end(): void
  fail(): void
  /** Absent where the kind has no such ending. */
  failWithoutDestroying?(): void
  close?(): void
  /** The code of its error when it is closed; default ERR_TEMP_TRUNCATED. */
  readonly closed?: TempFileErrorCode
}

export const mine = new Error('mine')

export function passThrough(): Subject & { source: PassThrough } {
  const source = new PassThrough()
  source.write('half')
  return {
    source,
    end: () => void source.end(' and half'),
    fail: () => void source.destroy(mine),
    failWithoutDestroying: () => void source.emit('error', mine),
    close: () => void source.destroy(),
  }
}

/** A stream of the old kind: no state of its own, and it does not know how to stop. */
export function oldStream(): Subject {
  const source = Object.assign(new EventEmitter(), { pause() {}, resume() {} })
  queueMicrotask(() => source.emit('data', Buffer.from('half')))
  return {
    source: source as unknown as Readable, // by shape
    end() {
      source.emit('data', Buffer.from(' and half'))
      source.emit('end')
      source.emit('close')
    },
    fail: () => void source.emit('error', mine),
    close: () => void source.emit('close'),
  }
}

export function web(): Subject {
  let controller: ReadableStreamDefaultController<unknown> | undefined
  const source = new ReadableStream({
    start(own) {
      controller = own
      own.enqueue(Buffer.from('half'))
    },
  })
  return {
    source,
    end() {
      controller?.enqueue(Buffer.from(' and half'))
      controller?.close()
    },
    fail: () => controller?.error(mine),
  }
}

export function generator(): Subject {
  let settle: { resolve(): void; reject(error: Error): void } | undefined
  const rest = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject }
  })
  rest.catch(() => {})
  async function* source(): AsyncGenerator<string> {
    yield 'half'
    await rest
    yield ' and half'
  }
  return {
    source: source(),
    end: () => settle?.resolve(),
    fail: () => settle?.reject(mine),
  }
}

/** A request as Node's server makes it. */
export function request(): Subject {
  const source = new IncomingMessage(new Socket())
  source.push('half')
  return {
    source,
    end() {
      source.push(' and half')
      source.complete = true
      source.push(null)
    },
    fail: () => void source.destroy(mine),
    failWithoutDestroying: () => void source.emit('error', mine),
    close: () => void source.destroy(),
    closed: 'ERR_TEMP_ABORTED',
  }
}

/** An iterator that is nothing else: no generator, no `return`. */
export function iterator(): Subject {
  const { source, ...endings } = generator()
  const chunks = (source as AsyncGenerator<string>)[Symbol.asyncIterator]() // what generator() makes
  return { source: { [Symbol.asyncIterator]: () => ({ next: () => chunks.next() }) }, ...endings }
}

export type Ending = 'end' | 'fail' | 'failWithoutDestroying' | 'close'

/** Each ending and the code of its error. */
export const ENDINGS: [Ending, TempFileErrorCode | undefined][] = [
  ['end', undefined],
  ['fail', 'ERR_TEMP_IO'],
  ['failWithoutDestroying', 'ERR_TEMP_IO'],
  ['close', 'ERR_TEMP_TRUNCATED'],
]
