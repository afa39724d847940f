import { expect, test } from 'vitest'
import { count, duration, isFancy, shortened, size, table } from '../../src/cli/terminal.ts'

const terminal = { isTTY: true, write: () => {} }

test.each([
  [{}, true],
  [{ NO_COLOR: '1' }, false],
  [{ NO_COLOR: '' }, true],
  [{ TERM: 'dumb' }, false],
])('a terminal with %j takes colours: %s', (env, fancy) => {
  expect(isFancy(terminal, env)).toBe(fancy)
  expect(isFancy({ ...terminal, isTTY: false }, env)).toBe(false)
})

test('a table pads its columns, aligns numbers right and prints no control character', () => {
  const rows = [
    { cells: [{ text: 'a\u001b[31m' }, { text: '7', right: true }], note: 'why' },
    { cells: [{ text: 'longer name' }, { text: '1000', right: true }] },
  ]
  const text = table(['NAME', 'FILES'], rows, (_style, plain) => plain)
  expect(text).not.toContain('\u001b')
  expect(text.split('\n')[0]).toMatch(/^NAME +FILES$/)
  expect(text).toMatch(/^ {4}why$/m)
  expect(text).toMatch(/^longer name +1000$/m)
})

test.each([
  [shortened('abcdef', 4), 'abc…'],
  [shortened('abcd', 4), 'abcd'],
  [shortened('日本語', 6), '日本語'],
  [shortened('日本語', 5), '日本…'],
  [size(1536), '1.5KB'],
  [duration(3_600_000), '1h'],
  [duration(-5), '0ms'],
  [duration(undefined), '-'],
  [count(1, 'file'), '1 file'],
  [count(2, 'entry', 'entries'), '2 entries'],
])('a shortened text, a size, a duration or a count is shown as %s', (found, expected) => {
  expect(found).toBe(expected)
})
