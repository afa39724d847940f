import fs from 'node:fs'
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { destroySource } from '../../src/streams/source.ts'
import type { ByteSource, ReceiveOptions } from '../../src/types.ts'
import { listeners, receive, receiveFails, type Surroundings } from './receiving.ts'

const MEGABYTE = Buffer.alloc(1024 * 1024, 'x')

/** A source of a kind that never ends by itself, and how to see that it was given up and left alone. */
interface Watched {
  readonly source: ByteSource
  givenUp(): boolean
}

const endless: Record<string, () => Watched> = {
  'a Readable': () => {
    const source = new Readable({
      read() {
        this.push(MEGABYTE.subarray(0, 65_536))
      },
    })
    const before = listeners(source)
    return { source, givenUp: () => source.destroyed && same(listeners(source), before) }
  },
  'a web stream': () => {
    let cancelled = false
    const source = new ReadableStream({
      pull: (controller) => controller.enqueue(MEGABYTE),
      cancel() {
        cancelled = true
      },
    })
    return { source, givenUp: () => cancelled && !source.locked }
  },
  'a generator': () => {
    function* source(): Generator<Uint8Array> {
      for (;;) yield MEGABYTE.subarray(0, 300_000)
    }
    return watchReturn(source())
  },
  'an async generator': () => {
    async function* source(): AsyncGenerator<Uint8Array> {
      for (;;) yield MEGABYTE
    }
    return watchReturn(source())
  },
  'an iterator whose return throws': () => {
    let returned = false
    const source: Iterator<Uint8Array> & Iterable<Uint8Array> = {
      [Symbol.iterator]: () => source,
      next: () => ({ done: false, value: MEGABYTE }),
      return() {
        returned = true
        throw new Error('from return')
      },
    }
    return { source, givenUp: () => returned }
  },
}

/** Sees `return` called, which a generator that has not started answers without running its `finally`. */
function watchReturn(source: Generator<Uint8Array> | AsyncGenerator<Uint8Array>): Watched {
  let returned = false
  const original = source.return.bind(source) as (value: unknown) => never // of either kind of generator
  source.return = (value: unknown) => {
    returned = true
    return original(value)
  }
  return { source, givenUp: () => returned }
}

function same(one: object, other: object): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

/** All that was started has had its turn: closing events, returns of generators. */
function turns(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
}

describe('failures of a receive', () => {
  const failure = (code: string) => Object.assign(new Error(code), { code })
  const failing: Record<
    string,
    [Parameters<typeof receiveFails>[0], () => ReceiveOptions, (() => Surroundings)?]
  > = {
    'more than maxBytes': ['ERR_TEMP_TOO_LARGE', () => ({ maxBytes: '5mb' })],
    'more than maxBytes in the first chunk': ['ERR_TEMP_TOO_LARGE', () => ({ maxBytes: 1 })],
    'more than accept.maxBytes': ['ERR_TEMP_TOO_LARGE', () => ({ accept: { maxBytes: '3mb' } })],
    'more than expectedBytes': ['ERR_TEMP_TOO_LARGE', () => ({ expectedBytes: 4_000_001 })],
    'more than limits.fileBytes': [
      'ERR_TEMP_TOO_LARGE',
      () => ({}),
      () => ({ limits: { fileBytes: 2_000_000 } }),
    ],
    'more than limits.totalBytes': [
      'ERR_TEMP_QUOTA',
      () => ({}),
      () => ({ limits: { totalBytes: 3_500_000 } }),
    ],
    'less free space than must stay': [
      'ERR_TEMP_NO_SPACE',
      () => ({}),
      () => ({ limits: { minFreeBytes: 2 ** 60 } }),
    ],
    'free space going below what must stay': [
      'ERR_TEMP_NO_SPACE',
      () => ({}),
      () => {
        let bavail = 2048
        return {
          limits: { minFreeBytes: 1024 * 1024 },
          fs: {
            statfs(_path, callback) {
              bavail -= 300
              callback(null, { bavail, bsize: 4096 })
            },
          },
        }
      },
    ],
    'an unreadable free space': [
      'ERR_TEMP_IO',
      () => ({}),
      () => ({
        limits: { minFreeBytes: 1 },
        fs: { statfs: (_path, callback) => callback(failure('EIO'), { bavail: 0, bsize: 0 }) },
      }),
    ],
    'a write that finds the disk full': [
      'ERR_TEMP_NO_SPACE',
      () => ({}),
      () => failWrites(failure('ENOSPC'), 3),
    ],
    'a first write that fails': [
      'ERR_TEMP_IO',
      () => ({ hash: 'sha1' }),
      () => failWrites(failure('EIO'), 1),
    ],
    'a write that writes nothing': ['ERR_TEMP_IO', () => ({}), () => failWrites(null, 2)],
    'a signal aborted before': ['ERR_TEMP_ABORTED', () => ({ signal: AbortSignal.abort() })],
    'a signal aborted on the way': [
      'ERR_TEMP_ABORTED',
      () => {
        const controller = new AbortController()
        return { signal: controller.signal, onProgress: ({ bytes }) => bytes > 0 && controller.abort() }
      },
    ],
    'a signal that runs out of time': ['ERR_TEMP_TIMEOUT', () => ({ signal: AbortSignal.timeout(5) })],
    'contents without a signature': ['ERR_TEMP_TYPE_REJECTED', () => ({ accept: { types: ['image/*'] } })],
  }
  for (const [what, [code, options, around]] of Object.entries(failing)) {
    for (const [kind, make] of Object.entries(endless)) {
      test(`${kind} is given up with its quota after ${what}, and no write still runs`, async () => {
        const { source, givenUp } = make()
        const asked = options()
        // A refusal before anything is created never begins with the source; its caller gives it up.
        if (asked.signal?.aborted === true) {
          await receiveFails(code, source, asked, around?.())
          destroySource(source)
        } else await receiveFails(code, source, asked, around?.())
        await turns()
        expect(givenUp()).toBe(true)
      })
    }
  }
})

function failWrites(error: NodeJS.ErrnoException | null, from: number): Surroundings {
  let calls = 0
  return {
    fs: {
      write(...args) {
        if (++calls < from) fs.write(...args)
        else setImmediate(() => args[5](error, 0))
      },
    },
  }
}

describe('signals during a write', () => {
  function abortingAt(call: number): { signal: AbortSignal; around: Surroundings; calls(): number } {
    const controller = new AbortController()
    let calls = 0
    const around: Surroundings = {
      fs: {
        write(...args) {
          if (++calls === call) controller.abort()
          fs.write(...args)
        },
      },
    }
    return { signal: controller.signal, around, calls: () => calls }
  }

  test('a signal that aborts during a write stops a large chunk after that write', async () => {
    for (const source of [
      Buffer.alloc(64 * MEGABYTE.length),
      [Buffer.alloc(900_000), Buffer.alloc(1_040_000)],
    ]) {
      const { signal, around, calls } = abortingAt(1)
      await receiveFails('ERR_TEMP_ABORTED', source, { signal }, around)
      expect(calls()).toBe(1)
    }
  })

  test('a signal that aborts during the last write still fails the receive', async () => {
    const { signal, around } = abortingAt(1)
    await receiveFails('ERR_TEMP_ABORTED', 'little', { signal }, around)
  })
})

test('an onProgress that throws fails the receive with its own error', async () => {
  for (const [kind, make] of Object.entries(endless)) {
    const { source, givenUp } = make()
    const mine = new Error('from the callback')
    const onProgress = (): void => {
      throw mine
    }
    await expect(receive(source, { onProgress }), kind).rejects.toBe(mine)
    await turns()
    expect(givenUp(), kind).toBe(true)
  }
})

test('an onProgress whose promise rejects fails the receive with its own error', async () => {
  const mine = new Error('from the callback')
  const onProgress = async (): Promise<void> => {
    await turns()
    throw mine
  }
  await expect(receive('little', { onProgress })).rejects.toBe(mine)
  for (const [kind, make] of Object.entries(endless)) {
    const { source, givenUp } = make()
    await expect(receive(source, { onProgress }), kind).rejects.toBe(mine)
    await turns()
    expect(givenUp(), kind).toBe(true)
  }
})

test('a signal ends the wait for a promise of onProgress that never settles', async () => {
  const controller = new AbortController()
  const onProgress = (): Promise<void> => {
    setImmediate(() => controller.abort())
    return new Promise(() => {})
  }
  await receiveFails('ERR_TEMP_ABORTED', 'little', { signal: controller.signal, onProgress })
})

test('destroySource gives up anything, throws never, and leaves no listener', async () => {
  for (const [kind, make] of Object.entries(endless)) {
    const { source, givenUp } = make()
    destroySource(source, new Error('no longer wanted'))
    await turns()
    expect(givenUp(), kind).toBe(true)
  }
  const stubborn = new Readable({ destroy: (_error, callback) => callback(new Error('from destroy')) })
  destroySource(stubborn)
  await turns()
  expect(stubborn.listenerCount('error')).toBe(0)
  for (const nothing of [undefined, null, 5, 'text', Buffer.from('x'), [], {}, new Blob([])])
    destroySource(nothing)
})
