import { describe, expect, test } from 'vitest'
import { foreignName } from '../../src/input/foreign-names.ts'

const FORM = [
  'accept',
  'skip',
  'maxFiles',
  'maxFileBytes',
  'maxTotalBytes',
  'maxFields',
  'maxFieldBytes',
  'hash',
]
const MANAGER = ['name', 'prefix', 'baseDir', 'limits', 'preserve']
const ENTRY = ['suffix', 'prefix', 'name', 'mode']

describe('foreign option names', () => {
  test.each([
    ['multer', 'fileSize', FORM, 'maxFileBytes'],
    ['multer', 'files', FORM, 'maxFiles'],
    ['multer', 'fields', FORM, 'maxFields'],
    ['multer', 'fieldSize', FORM, 'maxFieldBytes'],
    ['multer', 'fileFilter', FORM, 'skip'],
    ['multer', 'dest', MANAGER, 'baseDir'],
    ['formidable', 'maxFileSize', FORM, 'maxFileBytes'],
    ['formidable', 'maxTotalFileSize', FORM, 'maxTotalBytes'],
    ['formidable', 'uploadDir', MANAGER, 'baseDir'],
    ['formidable', 'hashAlgorithm', FORM, 'hash'],
    ['tmp', 'tmpdir', MANAGER, 'baseDir'],
    ['tmp', 'keep', MANAGER, 'preserve'],
    ['tmp', 'postfix', ENTRY, 'suffix'],
    ['tempy', 'extension', ENTRY, 'suffix'],
    ['any library', 'maxSize', FORM, 'maxFileBytes'],
  ])('an option name of %s, %s, means the option that this function has', (_, key, known, meant) => {
    expect(foreignName(key, known)).toEqual({ meant, advice: undefined })
  })

  test('an option name of another library is recognised in any case', () => {
    expect(foreignName('FILESIZE', FORM)?.meant).toBe('maxFileBytes')
  })

  test('an option name of another library means the same idea under the name that each function gives it', () => {
    expect(foreignName('maxSize', ['maxBytes'])?.meant).toBe('maxBytes')
    expect(foreignName('maxSize', ['fileBytes'])?.meant).toBe('fileBytes')
  })

  test('an option name of another library that this function has no option for gets advice', () => {
    const { meant, advice } = foreignName('dest', ENTRY) ?? {}
    expect(meant).toBeUndefined()
    expect(advice).toContain('baseDir')
  })

  test('the meaning of an unknown option name is not guessed', () => {
    expect(foreignName('colour', FORM)).toBeUndefined()
    expect(foreignName('constructor', FORM)).toBeUndefined()
  })

  test('an option name of another library gets no advice that does not help', () => {
    expect(foreignName('parts', MANAGER)).toBeUndefined()
  })
})
