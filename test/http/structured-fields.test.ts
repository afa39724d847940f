import { expect, test } from 'vitest'
import { type BareItem, dictionaryField, itemField } from '../../src/http/structured-fields.ts'

const ABC = Buffer.from('abc')

test.each<[string, BareItem]>([
  ['7', 7],
  ['-7', -7],
  [' 7 ', 7],
  ['7;a=1;b;c="x;y"', 7],
  ['999999999999999', 999_999_999_999_999],
  ['1234567890123456', undefined],
  ['7 8', undefined],
  ['7, 8', undefined],
  ['7 ;a', undefined],
  ['7;"a"', undefined],
  ['7;a=', undefined],
  ['?1', true],
  ['?0', false],
  ['?2', undefined],
  [':YWJj:', ABC],
  [':YWJj', undefined],
  [':Y%Jj:', undefined],
  ['', undefined],
])('the item %j is %j', (value, item) => {
  expect(itemField(value)).toEqual(item)
})

test('a missing field is neither an item nor a dictionary', () => {
  expect([itemField(undefined), dictionaryField(undefined)]).toEqual([undefined, undefined])
})

test.each<[string, string | string[], [string, BareItem][]]>([
  ['nothing', '', []],
  ['spaces', '  ', []],
  [
    'members of several types',
    'a=1, b, c=?0, d=:YWJj:',
    [
      ['a', 1],
      ['b', true],
      ['c', false],
      ['d', ABC],
    ],
  ],
  [
    'several lines',
    ['a=1', 'b=2'],
    [
      ['a', 1],
      ['b', 2],
    ],
  ],
  [
    'one key twice, of which the last counts',
    'a=1, b=2, a=3',
    [
      ['a', 3],
      ['b', 2],
    ],
  ],
  [
    'spaces and tabs about its commas',
    'a=1 \t,\t b=2\t',
    [
      ['a', 1],
      ['b', 2],
    ],
  ],
  [
    'keys of all characters',
    'a.b-c_*9=1, *=2',
    [
      ['a.b-c_*9', 1],
      ['*', 2],
    ],
  ],
  [
    'parameters',
    'a=1;p=:YQ==:;q, b;r="\\"", c=2',
    [
      ['a', 1],
      ['b', true],
      ['c', 2],
    ],
  ],
  [
    'values of types that no upload needs',
    'a=1.5, b="x, c=1", d=to/k:en, e=@17, f=%"%c3%bc", g=(1 "2";p :YQ==:);q, h=(), i=( 3 )',
    ['a', 'b', 'd', 'e', 'f', 'g', 'h', 'i'].map((key) => [key, undefined]),
  ],
])('a dictionary with %s is read', (_, value, members) => {
  expect([...(dictionaryField(value) ?? [['not a dictionary']])]).toEqual(members)
})

test.each([
  'a=1,',
  ',a=1',
  'a=1 b=2',
  'a=1,,b=2',
  'A=1',
  '7',
  'a=',
  'a= 1',
  'a=é',
  'a="x',
  'a=:YQ',
  'a=(1',
  'a=(1"2")',
  'a=(1,2)',
  'a=1;P',
  'a=1234567890123.5',
])('%j is not a dictionary', (value) => {
  expect(dictionaryField(value)).toBeUndefined()
})

test('a value made to be slow to read is read in linear time', () => {
  const long = 'a'.repeat(16_000)
  for (const start of [
    'x=(',
    'x="',
    'x=:',
    'x=%"',
    'x;a=',
    `x=(${'1 '.repeat(8000)}`,
    `x${';a'.repeat(8000)}=`,
  ])
    expect(dictionaryField(`${start}${long}\u0000`)).toBeUndefined() // exponential time would not end
})
