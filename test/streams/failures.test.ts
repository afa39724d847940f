import { once } from 'node:events'
import fs, { createReadStream } from 'node:fs'
import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { PassThrough, Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { isTempFileError } from '../../src/errors.ts'
import type { ReceiveOptions } from '../../src/streams/receive.ts'
import { destroySource, type Source } from '../../src/streams/source.ts'
import { receive, receiveFails, type Surroundings } from './receiving.ts'

const MEGABYTE = Buffer.alloc(1024 * 1024, 'x')

/** A source of a kind that never ends by itself, and how to see that it was given up and left alone. */
interface Watched {
  readonly source: Source
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

/** Sees `return` called, which a generator that has not begun answers without running its `finally`. */
function watchReturn(source: Generator<Uint8Array> | AsyncGenerator<Uint8Array>): Watched {
  let returned = false
  const original = source.return.bind(source) as (value: unknown) => never // of either kind of generator
  source.return = (value: unknown) => {
    returned = true
    return original(value)
  }
  return { source, givenUp: () => returned }
}

function listeners(readable: Readable): Record<string, number> {
  return Object.fromEntries(
    ['data', 'end', 'error', 'close', 'readable', 'pause', 'resume'].map((name) => [
      name,
      readable.listenerCount(name),
    ]),
  )
}

function same(one: object, other: object): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

/** All that was started has had its turn: closing events, returns of generators. */
function turns(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
}

describe('whatever fails, the source is given up, the quota is given back and no write still runs', () => {
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
      test(`${what}, from ${kind}`, async () => {
        const { source, givenUp } = make()
        const asked = options()
        // What is refused before anything is created never begins with the source; its caller gives it up.
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

describe('a source that fails by itself', () => {
  test('its error is the cause', async () => {
    const mine = new Error('mine')
    async function* failing(): AsyncGenerator<string> {
      yield 'some'
      throw mine
    }
    const web = new ReadableStream({ start: (controller) => controller.error(mine) })
    for (const source of [failing(), Readable.from(failing()), web]) {
      expect((await receiveFails('ERR_TEMP_IO', source)).cause).toBe(mine)
    }
  })

  test('one that was destroyed with an error before, or is destroyed while the free space is looked at', async () => {
    const mine = new Error('mine')
    const before = new PassThrough().on('error', () => {})
    before.destroy(mine)
    expect((await receiveFails('ERR_TEMP_IO', before)).cause).toBe(mine)
    const meanwhile = new PassThrough()
    const around: Surroundings = {
      limits: { minFreeBytes: 1 },
      fs: {
        statfs(path, callback) {
          meanwhile.destroy(mine)
          fs.statfs(path, callback)
        },
      },
    }
    expect((await receiveFails('ERR_TEMP_IO', meanwhile, {}, around)).cause).toBe(mine)
    expect(meanwhile.listenerCount('error')).toBe(0)
  })

  test('one that was closed early, before or on the way, is truncated', async () => {
    const before = new PassThrough()
    before.destroy()
    await receiveFails('ERR_TEMP_TRUNCATED', before)
    const halfway = new PassThrough()
    halfway.write('half')
    setImmediate(() => halfway.destroy())
    await receiveFails('ERR_TEMP_TRUNCATED', halfway)
    expect(halfway.listenerCount('close')).toBe(0)
  })

  test('one that was read before, or is being read by another, says so', async () => {
    const spent = Readable.from(['x'])
    for await (const _ of spent);
    expect((await receiveFails('ERR_TEMP_OPTION_INVALID', spent)).message).toContain('already been read')
    const locked = new Blob(['x']).stream()
    locked.getReader()
    expect((await receiveFails('ERR_TEMP_OPTION_INVALID', locked)).message).toContain('locked')
  })

  test('a file that is not there keeps its errno in the cause', async () => {
    const error = await receiveFails('ERR_TEMP_IO', createReadStream('/does/not/exist'))
    expect(error.cause).toMatchObject({ code: 'ENOENT' })
  })

  test('one that hangs is given up when its signal aborts', async () => {
    const hanging: [string, Source][] = [
      ['node', new PassThrough()],
      ['web', new ReadableStream({})],
      ['web that never finishes cancelling', new ReadableStream({ cancel: () => new Promise(() => {}) })],
      ['iterator', { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) }],
    ]
    for (const [kind, source] of hanging) {
      const controller = new AbortController()
      setImmediate(() => controller.abort(new Error('enough')))
      const error = await receiveFails('ERR_TEMP_ABORTED', source, { signal: controller.signal })
      expect(error.cause, kind).toMatchObject({ message: 'enough' })
    }
  })

  test('fewer bytes than expected are truncated, whatever the kind, and say how far it came', async () => {
    for (const source of ['abc', Readable.from(['abc']), new Blob(['abc']), ['abc']]) {
      const error = await receiveFails('ERR_TEMP_TRUNCATED', source, { expectedBytes: 4 })
      expect(isTempFileError(error) && error.details).toEqual({ bytes: 3, expected: 4 })
    }
  })
})

describe('the body of a request', () => {
  async function serve(
    options: ReceiveOptions,
    client: (port: number) => unknown,
  ): Promise<{ request: http.IncomingMessage; error: unknown; server: http.Server }> {
    const server = http.createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo // it listens on a port
    client(port)
    const [request, response] = (await once(server, 'request')) as [http.IncomingMessage, http.ServerResponse] // its documented arguments
    let error: unknown
    try {
      await receive(request, options)
    } catch (caught) {
      error = caught
    }
    response.setHeader('connection', 'close')
    response.statusCode = isTempFileError(error) ? error.status : 200
    response.end('answered')
    return { request, error, server }
  }

  test('of a client that goes away half way is an abort', async () => {
    const { request, error, server } = await serve({}, (port) => {
      const socket = net.connect(port, '127.0.0.1', () => {
        socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\nsome', () =>
          socket.destroy(),
        )
      })
    })
    expect(error).toMatchObject({ code: 'ERR_TEMP_ABORTED' })
    expect(request.destroyed).toBe(true)
    await new Promise((resolve) => server.close(resolve))
    expect(listeners(request)).toMatchObject({ data: 0, end: 0, error: 0, close: 0 })
  })

  test('that is too large is given up, and its client still gets the answer', async () => {
    let answer: Promise<string> | undefined
    const { request, error, server } = await serve({ maxBytes: 100_000 }, (port) => {
      answer = new Promise((resolve, reject) => {
        const socket = net.connect(port, '127.0.0.1', () => {
          socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10000000\r\n\r\n')
          socket.write(MEGABYTE.subarray(0, 200_000))
        })
        socket.on('error', reject)
        let text = ''
        socket.on('data', (chunk) => {
          text += String(chunk)
          if (text.includes('answered')) resolve(text)
        })
        socket.on('close', () => resolve(text))
      })
    })
    expect(error).toMatchObject({ code: 'ERR_TEMP_TOO_LARGE' })
    expect(request.destroyed).toBe(true)
    expect(request.socket.remoteAddress).toBe('127.0.0.1')
    expect(await answer).toMatch(/^HTTP\/1.1 413 /)
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  test('with keepSource is only paused, for its caller to drain', async () => {
    let sent: Promise<unknown> | undefined
    const { request, error, server } = await serve({ maxBytes: 10, keepSource: true }, (port) => {
      sent = fetch(`http://127.0.0.1:${port}`, { method: 'POST', body: MEGABYTE }).then(
        (answer) => answer.status,
      )
    })
    expect(error).toMatchObject({ code: 'ERR_TEMP_TOO_LARGE' })
    expect(request.destroyed).toBe(false)
    expect(request.isPaused()).toBe(true)
    expect(listeners(request)).toMatchObject({ data: 0, error: 0 })
    request.resume()
    expect(await sent).toBe(413)
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
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
