import fs, { createReadStream } from 'node:fs'
import { PassThrough, Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { isTempFileError } from '../../src/errors.ts'
import type { ByteSource } from '../../src/types.ts'
import { receiveFails, type Surroundings } from './receiving.ts'

describe('failing sources', () => {
  test('the error of a source that fails is the cause of ERR_TEMP_IO', async () => {
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

  test('the error of a source destroyed before, or as free space is read, is the cause of ERR_TEMP_IO', async () => {
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

  test('a source that was closed early, before or on the way, is truncated', async () => {
    const before = new PassThrough()
    before.destroy()
    await receiveFails('ERR_TEMP_TRUNCATED', before)
    const halfway = new PassThrough()
    halfway.write('half')
    setImmediate(() => halfway.destroy())
    await receiveFails('ERR_TEMP_TRUNCATED', halfway)
    expect(halfway.listenerCount('close')).toBe(0)
  })

  test('a source that was read before, or has another reader, is refused with that reason', async () => {
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

  test('a source that hangs is given up when its signal aborts', async () => {
    const hanging: [string, ByteSource][] = [
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

  test('a source with fewer bytes than expected is ERR_TEMP_TRUNCATED, with the number that arrived', async () => {
    for (const source of ['abc', Readable.from(['abc']), new Blob(['abc']), ['abc']]) {
      const error = await receiveFails('ERR_TEMP_TRUNCATED', source, { expectedBytes: 4 })
      expect(isTempFileError(error) && error.details).toEqual({ bytes: 3, expected: 4 })
    }
  })
})
