import { describe, expect, test } from 'vitest'
import type { TempFileErrorCode } from '../../src/errors.ts'
import { fileRules } from '../../src/file-types/presets.ts'
import { checkReceiveOptions } from '../../src/streams/receive-options.ts'
import type { FileRules } from '../../src/types.ts'
import { failure } from '../fixtures/failures.ts'
import { tempManager } from '../fixtures/temp-base.ts'
import { receive, receiveFails } from '../streams/receiving.ts'
import { declare, media, refusal } from './declared.ts'

describe('the ready rules on real files', () => {
  const good: [string, keyof typeof fileRules, string][] = [
    ['clip.mp4', 'video', 'video/mp4'],
    ['clip.mov', 'video', 'video/quicktime'],
    ['clip.avi', 'video', 'video/vnd.avi'],
    ['clip.mkv', 'video', 'video/matroska'],
    ['clip.webm', 'video', 'video/webm'],
    ['poster.png', 'image', 'image/png'],
    ['poster.jpg', 'image', 'image/jpeg'],
  ]
  for (const [name, rules, type] of good) {
    test(`${name} is accepted as ${type}, in any chunks`, async () => {
      const bytes = media(name)
      const drops = Array.from({ length: bytes.length }, (_, at) => bytes.subarray(at, at + 1))
      for (const source of [bytes, [bytes.subarray(0, 5000), bytes.subarray(5000)], drops]) {
        const { result, content } = await receive(source, declare(fileRules[rules], name.toUpperCase()))
        expect(result.detectedType).toBe(type)
        expect(content.equals(bytes)).toBe(true)
      }
    })
  }

  const bad: [string, TempFileErrorCode][] = [
    ['disguised-elf.mkv', 'ERR_TEMP_TYPE_REJECTED'],
    ['disguised-html.mp4', 'ERR_TEMP_TYPE_REJECTED'],
    ['disguised-png.avi', 'ERR_TEMP_TYPE_REJECTED'],
    ['zeros.mov', 'ERR_TEMP_TYPE_REJECTED'],
    ['empty.webm', 'ERR_TEMP_TOO_SMALL'],
    ['truncated.mp4', 'ERR_TEMP_TOO_SMALL'],
  ]
  for (const [name, code] of bad) {
    test(`${name} is refused: ${code}`, async () => {
      await receiveFails(code, [media(name)], declare(fileRules.video, name))
    })
  }

  test('the empty file is refused by its type where no least size is asked for', async () => {
    await receiveFails('ERR_TEMP_TYPE_REJECTED', '', { accept: { types: ['image/png'] } })
  })

  test('a source that uses its buffer again is judged and stored by what it gave', async () => {
    const bytes = media('poster.jpg')
    function* reused(): Generator<Uint8Array> {
      const buffer = Buffer.alloc(100)
      for (let at = 0; at < bytes.length; at += 100) {
        const length = bytes.copy(buffer, 0, at, at + 100)
        yield buffer.subarray(0, length)
      }
    }
    const { content } = await receive(reused(), declare(fileRules.image, 'poster.jpg'))
    expect(content.equals(bytes)).toBe(true)
  })

  test('a PDF is one by its first bytes', async () => {
    const { result } = await receive(
      '%PDF-1.7\n...',
      declare(fileRules.pdf, 'invoice.pdf', 'application/pdf'),
    )
    expect(result.detectedType).toBe('application/pdf')
    await receiveFails('ERR_TEMP_TYPE_REJECTED', 'no PDF', declare(fileRules.pdf, 'invoice.pdf'))
  })

  test('a refused type is reported after the first 4 KB, and not a byte of it is written', async () => {
    let given = 0
    let written = 0
    function* endless(): Generator<Uint8Array> {
      for (;;) {
        given += 1000
        yield Buffer.alloc(1000, 'MZ')
      }
    }
    const write = (): void => {
      written++
    }
    await receiveFails('ERR_TEMP_TYPE_REJECTED', endless(), declare(fileRules.video, 'x.mp4'), {
      fs: { write },
    })
    expect(given).toBe(5000)
    expect(written).toBe(0)
  })
})

describe('rules without sense', () => {
  const rows: Record<string, unknown> = {
    'no object': 'video',
    null: null,
    'an empty list': { extensions: [] },
    'a list of numbers': { types: [5] },
    'a text in the place of a list': { extensions: '.mp4' },
    'a type without its slash': { types: ['video'] },
    'an extension without a signature and no types': { extensions: ['.mp4', '.srt'] },
    'an unknown extension and no types': { extensions: ['.xyz'] },
    'a size that is none': { maxBytes: '5 potatoes' },
    'a least above the most': { minBytes: 2, maxBytes: 1 },
    'validate that is not a function': { validate: true },
  }
  for (const [what, accept] of Object.entries(rows)) {
    test(`rules that make no sense are refused: ${what}`, () => {
      expect(refusal({ accept: accept as FileRules })).toMatchObject({ code: 'ERR_TEMP_OPTION_INVALID' }) // hostile on purpose
    })
  }
})

test('validate is left to the caller, with its own `this`', () => {
  const seen: unknown[] = []
  const accept = {
    validate(): void {
      seen.push(this)
    },
  }
  const { validate } = checkReceiveOptions({ accept })
  validate?.(undefined as never) // never looked at here
  expect(seen).toEqual([accept])
})

test('a refusal names each accepted type once, also where two extensions have one type', async () => {
  const error = await receiveFails('ERR_TEMP_TYPE_REJECTED', 'no image', {
    accept: { extensions: ['.jpg', '.jpeg'] },
    declared: { name: 'a.jpg' },
  })
  expect(error).toMatchObject({ details: { accepted: ['image/jpeg'] } })
})

test('a preset cannot be changed for the whole process', () => {
  for (const rules of Object.values(fileRules) as { maxBytes: unknown; extensions: string[] }[]) {
    expect(() => {
      rules.maxBytes = 1
    }).toThrow(TypeError)
    expect(() => rules.extensions.push('.exe')).toThrow(TypeError)
  }
})

test('rules that are missing are named as such', async () => {
  const manager: { checkFile(path: string, rules: unknown): Promise<unknown> } = tempManager()
  const missing = () => manager.checkFile('/a', undefined)
  expect((await failure('ERR_TEMP_OPTION_INVALID', missing)).message).toContain('not undefined')
})
