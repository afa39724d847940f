import { expect, test } from 'vitest'
import { uploadLimits } from '../../../src/http/client/upload-fields.ts'

test.each<[string, string | string[] | undefined, object]>([
  ['nothing', undefined, {}],
  [
    'limits',
    'max-size=1000, max-append-size=10, min-append-size=5',
    { 'max-size': 1000, 'max-append-size': 10, 'min-append-size': 5 },
  ],
  ['several lines', ['max-size=1', 'max-age=2'], { 'max-size': 1, 'max-age': 2 }],
  ['the last of two members with one key', 'max-size=1,max-size=2', { 'max-size': 2 }],
  ['parameters', 'max-size=7;unit="byte, s";exact', { 'max-size': 7 }],
  ['an unknown key, which is ignored alone', 'x=(1 2);q, y="a, b", z, max-size=7', { 'max-size': 7 }],
  ['a known key with a decimal, which spoils the field', 'max-size=7, min-size=1.5', {}],
  ['a known key with a negative number', 'max-size=-7', {}],
  ['a known key with a string', 'max-age="7", max-size=1', {}],
  ['a known key with a boolean', 'max-size, max-age=1', {}],
  ['a value that is not a dictionary', 'max-size=7 max-age=1', {}],
  ['a comma at the end', 'max-size=7,', {}],
  ['a key in capitals', 'Max-Size=7', {}],
])('an Upload-Limit with %s, %j, has the limits %j', (_, value, limits) => {
  expect(uploadLimits(value)).toEqual(limits)
})
