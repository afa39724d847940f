import { describe, expect, test } from 'vitest'
import { checkForm, prepareForm, withDefaults } from '../../../src/http/receive/form-options.ts'
import { fileRules } from '../../../src/index.ts'
import { failureSync } from '../../fixtures/failures.ts'

describe('form options', () => {
  test('by default the options of a form limit everything that is held in memory', () => {
    const { maxFields, maxFieldBytes, maxFieldNameBytes, maxTextBytes, maxParts, maxHeaderPairs, maxFiles } =
      prepareForm(undefined)
    expect({
      maxFields,
      maxFieldBytes,
      maxFieldNameBytes,
      maxTextBytes,
      maxParts,
      maxHeaderPairs,
      maxFiles,
    }).toEqual({
      maxFields: 1000,
      maxFieldBytes: 1024 ** 2,
      maxFieldNameBytes: 256,
      maxTextBytes: 8 * 1024 ** 2,
      maxParts: 1000,
      maxHeaderPairs: 16,
      maxFiles: 100,
    })
  })

  test('the options of a form limit the size of files only where a limit is set', () => {
    const { maxFileBytes, maxTotalBytes, fields, decodeJsonParts } = prepareForm({})
    expect({ maxFileBytes, maxTotalBytes, fields, decodeJsonParts }).toEqual({
      maxFileBytes: undefined,
      maxTotalBytes: Number.POSITIVE_INFINITY,
      fields: undefined,
      decodeJsonParts: false,
    })
  })

  test('the options of a form accept sizes in words', () => {
    expect(prepareForm({ maxFileBytes: '2gb', maxTextBytes: '1kb' })).toMatchObject({
      maxFileBytes: 2 * 1024 ** 3,
      maxTextBytes: 1024,
    })
  })

  test('a field without rules of its own has the rules of its form', () => {
    const { accept, fields } = prepareForm({
      accept: fileRules.video,
      fields: { clip: {}, cover: { accept: fileRules.image, maxBytes: '1mb', maxFiles: 1, required: true } },
    })
    expect(fields?.get('clip')).toEqual({
      accept,
      maxBytes: undefined,
      maxFiles: Number.POSITIVE_INFINITY,
      required: false,
    })
    expect(fields?.get('cover')).toMatchObject({ maxBytes: 1024 ** 2, maxFiles: 1, required: true })
    expect(fields?.get('cover')?.accept).not.toBe(accept)
  })

  test('the form options of a request replace those of the middleware, and an absent one replaces nothing', () => {
    const base = checkForm({ maxFiles: 3, maxFileBytes: '1mb' })
    const prepared = withDefaults(checkForm({ maxFiles: 1, maxFileBytes: undefined }, base))
    expect(prepared).toMatchObject({ maxFiles: 1, maxFileBytes: 1024 ** 2 })
  })

  test.each([
    ['maxFileSize', 1, 'maxFileBytes'],
    ['maxfiles', 1, 'maxFiles'],
    ['limits', { fileSize: 1 }, 'maxFileBytes'],
    ['fileFilter', () => true, 'skip'],
    ['maxFiles', '3', 'maxFiles'],
    ['maxFiles', -1, 'maxFiles'],
    ['maxFileBytes', '5 potatoes', 'maxFileBytes'],
    ['skip', true, 'skip'],
    ['accept', undefined, 'accept'],
    ['accept', { type: 'video/mp4' }, 'types'],
    ['fields', { clip: { accept: undefined } }, 'accept'],
    ['fields', { clip: { maxSize: 1 } }, 'maxBytes'],
    ['fields', { '': {} }, 'fields'],
    ['fields', ['clip'], 'fields'],
    ['hash', 'sha-257', 'hash'],
  ])('%s: %j is refused, and the error names %s', (option, value, named) => {
    const error = failureSync('ERR_TEMP_OPTION_INVALID', () => prepareForm({ [option]: value }))
    expect(error.message).toContain(named)
  })
})
