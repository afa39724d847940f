import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { TempFileError, type TempFileErrorCode } from '../../src/index.ts'

function read(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
}

test('docs/errors.md has every code, with the status that its errors carry', () => {
  const rows = [...read('docs/errors.md').matchAll(/^\| `(ERR_TEMP_\w+)` +\| (\d+) /gm)]
  const documented = Object.fromEntries(rows.map(([, code, status]) => [code, Number(status)]))
  // The codes as the source lists them; the cast is what a list of them would be.
  const codes = [...read('src/errors.ts').matchAll(/^ {2}(ERR_TEMP_\w+): \d+/gm)].map(
    (match) => match[1] as TempFileErrorCode,
  )
  expect(codes.length).toBeGreaterThan(20)
  expect(documented).toEqual(
    Object.fromEntries(codes.map((code) => [code, new TempFileError(code, '').status])),
  )
})
