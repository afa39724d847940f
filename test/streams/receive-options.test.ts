import { getHashes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { checkReceiveOptions } from '../../src/streams/receive-options.ts'
import type { ReceiveOptions } from '../../src/types.ts'
import { receive } from './receiving.ts'

describe('hostile options', () => {
  const rows: Record<string, unknown> = {
    'options that are not an object': 5,
    'options that are null': null,
    'maxBytes below zero': { maxBytes: -1 },
    'maxBytes with an unknown unit': { maxBytes: '500MiB' },
    'expectedBytes that is not a number': { expectedBytes: '5' },
    'expectedBytes that is not a whole number': { expectedBytes: 1.5 },
    'expectedBytes that is NaN': { expectedBytes: Number.NaN },
    'expectedBytes below zero': { expectedBytes: -1 },
    'a signal that is none': { signal: {} },
    'a signal that is null': { signal: null },
    'an unknown hash': { hash: 'crc33' },
    'a hash that is not a string': { hash: 256 },
    'an empty hash': { hash: '' },
    'onProgress that is not a function': { onProgress: true },
    'keepSource that is not a boolean': { keepSource: 1 },
    'a declared name that is not a string': { declared: { name: 5 } },
    'a declared type that is not a string': { declared: { type: {} } },
  }
  for (const [what, options] of Object.entries(rows)) {
    test(`a hostile option is refused: ${what}`, () => {
      let error: unknown
      try {
        checkReceiveOptions(options as ReceiveOptions) // hostile on purpose
      } catch (caught) {
        error = caught
      }
      expect(error).toMatchObject({ code: 'ERR_TEMP_OPTION_INVALID' })
    })
  }
})

test('an option whose value is undefined counts as absent, except accept', () => {
  const undefineds = { maxBytes: undefined, expectedBytes: undefined, signal: undefined, hash: undefined }
  expect(checkReceiveOptions({ ...undefineds, declared: undefined })).toEqual(checkReceiveOptions(undefined))
})

test('every digest that this Node can make is accepted', async () => {
  for (const hash of getHashes().filter((name) => /^(sha|md5|blake|ripemd)/i.test(name))) {
    const { result } = await receive('abc', { hash })
    expect(result.digest, hash).toMatch(/^[0-9a-f]+$/)
  }
})

describe('onProgress', () => {
  test('onProgress is called with the total when it is known, and always at the end', async () => {
    const calls: object[] = []
    const onProgress = (progress: object): void => {
      calls.push(progress)
    }
    await receive(Array(5000).fill('ten bytes!'), { onProgress })
    expect(calls[0]).toEqual({ bytes: 10 })
    expect(calls.at(-1)).toEqual({ bytes: 50_000 })
    calls.length = 0
    await receive(['1', '2', '3'], { onProgress, expectedBytes: 3 })
    expect(calls.at(-1)).toEqual({ bytes: 3, total: 3 })
    calls.length = 0
    await receive(new Blob(['four']), { onProgress })
    expect(calls).toEqual([{ bytes: 4, total: 4 }])
    calls.length = 0
    await receive('', { onProgress })
    expect(calls).toEqual([{ bytes: 0, total: 0 }])
  })

  test('onProgress is throttled: five thousand chunks are far fewer calls', async () => {
    let calls = 0
    const began = performance.now()
    await receive(Array(5000).fill('ten bytes!'), { onProgress: () => calls++ })
    expect(calls).toBeLessThanOrEqual(3 + (performance.now() - began) / 100)
  })
})
