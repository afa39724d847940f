import { describe, expect, test } from 'vitest'
import type { TempFileErrorCode } from '../../src/errors.ts'
import { fileRules } from '../../src/file-types/presets.ts'
import type { FileRules, ReceiveOptions } from '../../src/types.ts'
import { receive, receiveFails } from '../streams/receiving.ts'
import { declare, media, refusal } from './declared.ts'

describe('before the first byte', () => {
  const rows: [string, ReceiveOptions, TempFileErrorCode | undefined][] = [
    ['an extension of the list', declare(fileRules.video, 'a.mp4'), undefined],
    ['an extension in capitals', declare(fileRules.video, 'A.MKV'), undefined],
    ['a suffix in the place of a name', { accept: fileRules.video, suffix: '.webm' }, undefined],
    [
      'a name option in the place of a declared one',
      { accept: fileRules.video, name: 'x.exe' },
      'ERR_TEMP_TYPE_REJECTED',
    ],
    ['another extension', declare(fileRules.video, 'a.exe'), 'ERR_TEMP_TYPE_REJECTED'],
    [
      'a listed extension before an unlisted one',
      declare(fileRules.video, 'a.mp4.exe'),
      'ERR_TEMP_TYPE_REJECTED',
    ],
    ['no extension', declare(fileRules.video, 'README'), 'ERR_TEMP_TYPE_REJECTED'],
    ['an extension of Object.prototype', declare({ types: ['image/png'] }, 'a.constructor'), undefined],
    ['no name', declare(fileRules.video, undefined), undefined],
    ['a type that fits', declare(fileRules.video, 'a.mkv', 'Video/X-Matroska; codecs="vp9"'), undefined],
    ['a type of the same container', declare(fileRules.video, 'a.mov', 'video/mp4'), undefined],
    ['a type without information', declare(fileRules.video, 'a.mp4', 'application/octet-stream'), undefined],
    ['an empty type', declare(fileRules.video, 'a.mp4', ''), undefined],
    [
      'a type that contradicts the extension',
      declare(fileRules.video, 'a.mp4', 'text/html'),
      'ERR_TEMP_TYPE_REJECTED',
    ],
    [
      'a type not accepted, without a name',
      declare(fileRules.video, undefined, 'image/png'),
      'ERR_TEMP_TYPE_REJECTED',
    ],
    [
      'an announced size too large',
      { ...declare(fileRules.video, 'a.mp4'), expectedBytes: 500 * 2 ** 20 + 1 },
      'ERR_TEMP_TOO_LARGE',
    ],
    [
      'an announced size too small',
      { ...declare(fileRules.video, 'a.mp4'), expectedBytes: 1023 },
      'ERR_TEMP_TOO_SMALL',
    ],
    [
      'the largest announced size',
      { ...declare(fileRules.video, 'a.mp4'), expectedBytes: 500 * 2 ** 20 },
      undefined,
    ],
  ]
  for (const [what, options, code] of rows) {
    test(`before its first byte a file declared with ${what} gives ${code ?? 'no error'}`, () => {
      if (code === undefined) expect(refusal(options)).toBeUndefined()
      else expect(refusal(options)).toMatchObject({ code })
    })
  }

  test("a hostile extension is made harmless in the refusal's message", () => {
    const error = refusal(declare(fileRules.video, `a.\u202egpm\n${'x'.repeat(5000)}`))
    expect(String(error)).not.toMatch(/[\u202e\n]/)
    expect(String(error).length).toBeLessThan(500)
  })
})

describe('names and bytes must agree', () => {
  const png = media('poster.png')
  const rows: [string, Uint8Array | string, ReceiveOptions, TempFileErrorCode | undefined][] = [
    ['a QuickTime file named .mp4', media('clip.mov'), declare(fileRules.video, 'phone.mp4'), undefined],
    ['a WebM file named .mkv', media('clip.webm'), declare(fileRules.video, 'a.mkv'), undefined],
    [
      'a Matroska file named .avi',
      media('clip.mkv'),
      declare(fileRules.video, 'a.avi'),
      'ERR_TEMP_TYPE_REJECTED',
    ],
    ['a JPEG named .png', media('poster.jpg'), declare(fileRules.image, 'a.png'), 'ERR_TEMP_TYPE_REJECTED'],
    ['a PNG without a name', png, declare(fileRules.image, undefined), undefined],
    ['a PNG where any image will do', png, { accept: { types: ['image/*'] } }, undefined],
    ['a PNG under an unknown extension', png, declare({ types: ['image/png'] }, 'a.blob'), undefined],
    ['a PNG under a rare extension of images', png, declare({ types: ['image/png'] }, 'a.jfif'), undefined],
    ['a PNG named .exe', png, declare({ types: ['image/*'] }, 'a.exe'), 'ERR_TEMP_TYPE_REJECTED'],
    ['a PNG named .php', png, declare({ types: ['image/png'] }, 'a.PHP'), 'ERR_TEMP_TYPE_REJECTED'],
    [
      'a film named .weba, for sound',
      media('clip.webm'),
      declare({ types: ['video/*'] }, 'a.weba'),
      undefined,
    ],
    [
      'a PNG where another type is wanted',
      png,
      { accept: { types: ['image/gif'] } },
      'ERR_TEMP_TYPE_REJECTED',
    ],
    [
      'QuickTime where exactly MP4 is wanted',
      media('clip.mov'),
      { accept: { types: ['video/mp4'] } },
      'ERR_TEMP_TYPE_REJECTED',
    ],
    [
      'an alias in the list of types',
      media('clip.avi'),
      { accept: { types: ['video/x-msvideo'] } },
      undefined,
    ],
  ]
  for (const [what, source, options, code] of rows) {
    test(`${what} gives ${code ?? 'no error'}`, async () => {
      if (code === undefined) await receive(source, options)
      else await receiveFails(code, source, options)
    })
  }
})

describe('text without a signature', () => {
  const asked: FileRules = { extensions: ['.srt', 'mkv'], types: ['application/x-subrip', 'video/matroska'] }

  test('text without a signature passes by its extension where its type is listed', async () => {
    const options = declare(asked, 'clip.srt', 'text/plain')
    const { result } = await receive(media('clip.srt'), options)
    expect(result.detectedType).toBeUndefined()
    await receive(media('clip.srt'), declare({ extensions: ['.srt'], types: ['text/*'] }, 'clip.srt'))
    await receive(media('clip.mkv'), declare(asked, 'clip.mkv'))
  })

  test('text without a signature does not pass under the extension of a type that has a signature', async () => {
    await receiveFails('ERR_TEMP_TYPE_REJECTED', media('clip.srt'), declare(asked, 'clip.mkv'))
  })

  test('text without a signature does not pass where only other types are listed, or anything at all', async () => {
    for (const types of [['video/*'], ['*/*'], ['text/csv']]) {
      await receiveFails('ERR_TEMP_TYPE_REJECTED', media('clip.srt'), declare({ types }, 'clip.srt'))
    }
  })

  test('text with zero bytes in it does not pass, but UTF-16 does', async () => {
    await receiveFails('ERR_TEMP_TYPE_REJECTED', 'binary\0', declare(asked, 'clip.srt'))
    await receive(Buffer.from('\ufeff1\n00:00', 'utf16le'), declare(asked, 'clip.srt'))
    const marked = Buffer.from('\ufeffELF\0\0', 'utf16le')
    await receiveFails('ERR_TEMP_TYPE_REJECTED', marked, declare(asked, 'clip.srt'))
  })

  test('an executable or an image does not pass under the extension of a text', async () => {
    await receiveFails('ERR_TEMP_TYPE_REJECTED', media('disguised-elf.mkv'), declare(asked, 'clip.srt'))
    await receiveFails('ERR_TEMP_TYPE_REJECTED', media('poster.png'), declare(asked, 'clip.srt'))
  })
})
