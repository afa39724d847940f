// Every ending of every kind of source, before, while and after the file is opened: the whole file, or an error.

import { EventEmitter } from 'node:events'
import fs from 'node:fs'
import { readFile } from 'node:fs/promises'
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { PassThrough, Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import type { TempFileErrorCode, TempFileManager } from '../../src/index.ts'
import type { ByteSource } from '../../src/types.ts'
import { tempManager } from '../fixtures/temp-base.ts'
import { listeners } from './receiving.ts'

/** A manager that runs `meanwhile` while the file is being opened, which ends when `meanwhile` has. */
function opening(meanwhile: () => Promise<void> | void): TempFileManager {
  const open: typeof fs.open = ((...args: Parameters<typeof fs.open>) => {
    Promise.resolve(meanwhile()).then(() => fs.open(...args))
  }) as typeof fs.open // its overloads
  const manager = tempManager({ fs: { ...fs, open } })
  manager.file().removeSync()
  return manager
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A source that gives half of its bytes and then waits for what the test decides. */
interface Subject {
  readonly source: ByteSource
  end(): void
  fail(): void
  /** Absent where the kind has no such ending. */
  failWithoutDestroying?(): void
  close?(): void
  /** The code of its error when it is closed; default ERR_TEMP_TRUNCATED. */
  readonly closed?: TempFileErrorCode
}

const mine = new Error('mine')

function passThrough(): Subject & { source: PassThrough } {
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
function oldStream(): Subject {
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

function web(): Subject {
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

function generator(): Subject {
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
function request(): Subject {
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
function iterator(): Subject {
  const { source, ...endings } = generator()
  const chunks = (source as AsyncGenerator<string>)[Symbol.asyncIterator]() // what generator() makes
  return { source: { [Symbol.asyncIterator]: () => ({ next: () => chunks.next() }) }, ...endings }
}

const KINDS: [string, () => Subject][] = [
  ['a Node stream', passThrough],
  ['a request', request],
  ['an iterator', iterator],
  ['a stream of the old kind', oldStream],
  ['a web stream', web],
  ['an async generator', generator],
]
type Ending = 'end' | 'fail' | 'failWithoutDestroying' | 'close'
const ENDINGS: [Ending, TempFileErrorCode | undefined][] = [
  ['end', undefined],
  ['fail', 'ERR_TEMP_IO'],
  ['failWithoutDestroying', 'ERR_TEMP_IO'],
  ['close', 'ERR_TEMP_TRUNCATED'],
]

const CASES = KINDS.flatMap(([kind, make]) =>
  ENDINGS.filter(([ending]) => make()[ending] !== undefined).map(([ending, code]) => ({
    kind,
    make,
    ending,
    code: ending === 'close' ? (make().closed ?? code) : code,
  })),
)

describe.each(CASES)('$kind that ends by $ending is received whole or refused', ({ make, ending, code }) => {
  const check = async (manager: TempFileManager, receiving: Promise<{ path: string }>): Promise<void> => {
    if (code === undefined)
      return expect(await readFile((await receiving).path, 'utf8')).toBe('half and half')
    await expect(receiving).rejects.toMatchObject({ code })
    expect(manager.stats().bytes).toBe(0)
  }

  test('in the turn of the call', async () => {
    const subject = make()
    const manager = opening(() => {})
    const receiving = manager.receive(subject.source)
    receiving.catch(() => {})
    await null // an old stream has given its first bytes
    subject[ending]?.()
    await check(manager, receiving)
  })

  test('while the file is being opened', async () => {
    const subject = make()
    const manager = opening(async () => {
      await turn()
      subject[ending]?.()
      await turn()
    })
    await check(manager, manager.receive(subject.source))
  })

  test('after the file was opened', async () => {
    const subject = make()
    const manager = opening(() => {})
    let once = (): void => subject[ending]?.()
    const onProgress = (): void => {
      queueMicrotask(once)
      once = () => {}
    }
    await check(manager, manager.receive(subject.source, { onProgress }))
  })

  test('while a file is being opened to be overwritten', async () => {
    let meanwhile = (): Promise<void> | void => {}
    const manager = opening(() => meanwhile())
    const file = await manager.fileAsync()
    const subject = make()
    meanwhile = async () => {
      await turn()
      subject[ending]?.()
    }
    await check(
      manager,
      file.write(subject.source).then(() => file),
    )
  })
})

test.each(ENDINGS)('a Node stream that ends by %s keeps no listener', async (ending, code) => {
  const subject = passThrough()
  const before = listeners(subject.source)
  const receiving = opening(() => subject[ending]?.()).receive(subject.source)
  if (code === undefined) await receiving
  else await expect(receiving).rejects.toMatchObject({ code })
  await turn()
  expect(listeners(subject.source)).toEqual(before)
})

test('a stream that fails as it destroys itself after its end is whole, and does not crash the process', async () => {
  const source = new Readable({
    read() {
      this.push('whole')
      this.push(null)
    },
    destroy(_error, callback) {
      setImmediate(callback, mine)
    },
  })
  const closed = new Promise((resolve) => source.once('close', resolve))
  await using file = await opening(() => {}).receive(source)
  expect(file.bytes).toBe(5)
  await closed
  expect(source.listenerCount('error')).toBe(0)
})

test('a stream that is already flowing loses no chunk while the file is opened', async () => {
  const source = new PassThrough()
  source.resume()
  const manager = opening(async () => {
    source.write('one ')
    await turn()
    source.end('two')
    await turn()
  })
  await using file = await manager.receive(source)
  expect(await readFile(file.path, 'utf8')).toBe('one two')
})

test('a source that is refused for its options is destroyed', async () => {
  const source = new PassThrough()
  await expect(tempManager().receive(source, { maxBytes: -1 })).rejects.toMatchObject({
    code: 'ERR_TEMP_OPTION_INVALID',
  })
  expect(source.destroyed).toBe(true)
  expect(source.listenerCount('data')).toBe(0)
})
