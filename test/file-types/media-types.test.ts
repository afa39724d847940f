import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { fileTypeFromBuffer } from 'file-type'
import { describe, expect, test } from 'vitest'
import {
  canonicalType,
  extensionOf,
  hasSignature,
  isCompatible,
  isUnsignedText,
  isWanted,
  typesOfExtension,
} from '../../src/file-types/media-types.ts'

describe('extensions', () => {
  test.each([
    ['a.MKV', '.mkv'],
    ['a.tar.gz', '.gz'],
    ['.mkv', '.mkv'],
    ['a', ''],
    ['a.', ''],
    ['', ''],
    ['a.b/c.txt', '.txt'],
  ])('the extension of the name %j is %j', (name, extension) => {
    expect(extensionOf(name)).toBe(extension)
  })

  test.each(['constructor', '.constructor', '__proto__', '.unknown'])('%s has no known type', (extension) => {
    expect(typesOfExtension(extension)).toBeUndefined()
    expect(hasSignature(extension)).toBe(false)
    expect(isUnsignedText(extension)).toBe(false)
  })
})

describe('a media type', () => {
  test.each([
    ['Video/MP4; codecs="avc1"', 'video/mp4'],
    [' image/jpg ', 'image/jpeg'],
    ['video/x-matroska', 'video/matroska'],
    ['application/x-zip-compressed', 'application/zip'],
    ['text/xml', 'application/xml'],
    ['made/up', 'made/up'],
    ['', ''],
  ])('%j has the one name %j', (type, canonical) => {
    expect(canonicalType(type)).toBe(canonical)
    expect(canonicalType(canonical)).toBe(canonical)
  })

  test.each([
    ['video/mp4', ['video/mp4'], true],
    ['video/mp4', ['video/*'], true],
    ['video/mp4', ['*/*'], true],
    ['video/mp4', ['video'], false],
    ['videoclip/mp4', ['video/*'], false],
    ['video/mp4', ['image/*', 'application/pdf'], false],
    ['video/mp4', [], false],
  ])('%s is wanted by %j: %s', (type, wanted, answer) => {
    expect(isWanted(type, wanted)).toBe(answer)
  })

  test.each([
    ['video/quicktime', 'video/mp4', true],
    ['application/zip', 'application/epub+zip', true],
    ['video/mp4', 'video/mp4', true],
    ['video/mp4', 'video/webm', false],
    ['application/pdf', 'application/zip', false],
    ['made/up', 'made/up', true],
  ])('%s may be found where %s is expected: %s', (type, expected, answer) => {
    expect(isCompatible(type, expected)).toBe(answer)
    expect(isCompatible(expected, type)).toBe(answer)
  })
})

test.each(['clip.mp4', 'clip.mkv', 'clip.webm', 'clip.avi', 'clip.mov', 'poster.png', 'poster.jpg'])(
  'the type that file-type finds in %s is one of its extension',
  async (name) => {
    const bytes = readFileSync(fileURLToPath(new URL(`../fixtures/media/${name}`, import.meta.url)))
    const found = canonicalType((await fileTypeFromBuffer(bytes))?.mime ?? '')
    expect(typesOfExtension(extensionOf(name))?.map(canonicalType)).toContain(found)
  },
)
