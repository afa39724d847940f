// Strings from outside. Guarantee: none becomes a path of its own: each is refused by a typed error or stays one
// component inside the session. CVE-2026-44705 (tmp < 0.2.6: `../` in prefix, postfix and dir), CVE-2026-49982
// (tmp 0.2.6: the same hidden in an array or object that is a string only later), CVE-2021-42574 (text direction).

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { describe, expect, test } from 'vitest'
import { displayName, forLog } from '../../src/input/names.ts'
import { failure, failureSync } from '../fixtures/failures.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

const TRAVERSALS = [
  '../escape',
  '../../../../../../etc/passwd',
  '..',
  '.',
  '/etc/passwd',
  'a/b',
  'a\\b',
  '..\\..\\escape',
  '\\\\server\\share',
  'a/../../b',
  '\0',
  'a\0.txt',
  'line\nbreak',
  'tab\there',
  '\u001b[2J',
  '\u202egpj.exe',
  '\u2066hidden\u2069',
  '\u200fmark',
  '\u2028',
  'half \ud800 pair',
  'dot.',
  'space ',
]

/** Values that JSON.parse of a body, or qs of `?prefix[]=..`, can give instead of a string. */
const DISGUISES: readonly unknown[] = [
  ['../escape'],
  [['../escape']],
  { toString: () => '../escape' },
  { toString: () => '../escape', includes: () => false, length: 3, replace: () => '../escape' },
  { valueOf: () => '../escape' },
  Buffer.from('../escape'),
  new String('../escape'),
  7,
  true,
  null,
  Symbol('../escape'),
  () => '../escape',
]

describe('CVE-2026-44705', () => {
  test.each(TRAVERSALS.map((text) => [JSON.stringify(text), text] as const))(
    'the path %s is refused as a name and as a ticket (CVE-2026-44705)',
    async (_, text) => {
      const baseDir = tempBase()
      const manager = tempManager({ baseDir })
      const free = /^(?:\.{1,2}|dot\.|space )$/.test(text) // fine before or after other characters
      failureSync('ERR_TEMP_NAME_INVALID', () => manager.file({ name: text }))
      await failure('ERR_TEMP_NAME_INVALID', () => manager.dirAsync({ name: text }))
      await failure('ERR_TEMP_NAME_INVALID', () => manager.receive('data', { name: text }))
      if (!free) {
        failureSync('ERR_TEMP_NAME_INVALID', () => manager.file({ prefix: text }))
        failureSync('ERR_TEMP_NAME_INVALID', () => manager.dir({ suffix: text }))
        failureSync('ERR_TEMP_NAME_INVALID', () => manager.file(text))
        failureSync('ERR_TEMP_NAME_INVALID', () => tempManager({ baseDir, prefix: text }))
      }
      failureSync('ERR_TEMP_NAME_INVALID', () => tempManager({ baseDir, name: text }))
      await failure('ERR_TEMP_TICKET_INVALID', () => manager.claim(text))
      await failure('ERR_TEMP_TICKET_INVALID', () => manager.inspect(text))
      await failure('ERR_TEMP_TICKET_INVALID', () => manager.discard(text))
      expect(existsSync(join(dirname(baseDir), 'escape'))).toBe(false)
    },
  )
})

describe('CVE-2026-49982', () => {
  test.each(DISGUISES.map((value, n) => [n, value] as const))(
    'a value that is not a string is refused as a name and as a ticket (CVE-2026-49982, disguise %i)',
    async (_, value) => {
      const manager = tempManager()
      const given = value as string // the type system is not there when a request body is passed on
      for (const option of ['name', 'prefix', 'suffix'] as const) {
        if (value === null && option !== 'name') continue // as if it were not given
        failureSync('ERR_TEMP_NAME_INVALID', () => manager.file({ [option]: given }))
        await failure('ERR_TEMP_NAME_INVALID', () => manager.dirAsync({ [option]: given }))
        await failure('ERR_TEMP_NAME_INVALID', () => manager.receive('data', { [option]: given }))
      }
      await failure('ERR_TEMP_TICKET_INVALID', () => manager.claim(given))
      const made = readdirSync(manager.sessionPath ?? '/nowhere')
      expect(made.filter((name) => name.startsWith('tmp-'))).toEqual([])
    },
  )

  test('a prefix with another value at each read does not lead out of the session', () => {
    const manager = tempManager()
    let asked = 0
    const options = {
      get prefix() {
        return asked++ === 0 ? 'plain-' : '../escape-'
      },
    }
    const file = manager.file(options)
    expect(dirname(file.path)).toBe(manager.sessionPath)
  })
})

describe('percent signs are characters', () => {
  test.each([
    '..%2f..%2fetc%2fpasswd',
    '%2e%2e%2fescape',
    '..%5cescape',
    '%00',
    '..%c0%afescape',
    '~root',
    '$HOME',
    '`id`',
    '; rm -rf x',
  ])('%s is a plain name', (name) => {
    const manager = tempManager()
    const file = manager.file({ name })
    expect(readdirSync(dirname(file.path))).toEqual([name])
    expect(file.path.startsWith(`${manager.sessionPath}${sep}`)).toBe(true)
  })
})

test.each([['../up'], ['a', '../../up'], ['/etc'], ['a\0b'], ['..'], ['x/../../..']])(
  'join() refuses segments that leave the directory or contain a NUL: %j',
  (...segments) => {
    const dir = tempManager().dir()
    failureSync('ERR_TEMP_NAME_INVALID', () => dir.join(...segments))
  },
)

test("a client's name is shown clean and never with a path", () => {
  for (const text of TRAVERSALS) {
    const shown = displayName(text)
    expect(shown).not.toMatch(/[/\\\p{Cc}\u202a-\u202e\u2066-\u2069]/u)
    expect(['', '.', '..']).not.toContain(shown)
    expect(forLog(text)).not.toMatch(/[\p{Cc}\u202a-\u202e]/u)
  }
})

test('a record that names a path is refused at claiming, and kept', async () => {
  const manager = tempManager()
  const ticket = await manager.file({ name: 'report.txt' }).handOff()
  const record = join(manager.root, 'handoffs', ticket, 'handoff.json')
  for (const name of [
    '../../../../etc/passwd',
    '/etc/passwd',
    'a\0b',
    '..',
    ['report.txt'],
    { toString: 'x' },
  ]) {
    const recorded: unknown = JSON.parse(readFileSync(record, 'utf8'))
    writeFileSync(record, JSON.stringify({ ...Object(recorded), name }))
    await failure('ERR_TEMP_HANDOFF_CORRUPT', () => manager.claim(ticket))
    expect(readdirSync(join(manager.root, 'handoffs'))).toEqual([ticket])
  }
})

test('__proto__ in a record or in meta pollutes nothing', async () => {
  const manager = tempManager()
  const meta: unknown = JSON.parse(
    '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}',
  )
  const ticket = await manager.file().handOff({ meta: meta as never }) // JSON, as a client may send it
  await using claim = await manager.claim(ticket)
  expect('polluted' in {}).toBe(false)
  expect(claim.attempt).toBe(1)
})

test('foreign names in the root are not touched, and are escaped in the report', async () => {
  const manager = tempManager()
  manager.file()
  const names = [
    's-../../etc',
    '.gone-',
    '.gone-x',
    's-\u202eabc',
    '.new-\n',
    'handoffs',
    '..%2f',
    '-rf',
    '.dead--',
  ].filter((name) => !name.includes('/'))
  for (const name of names) mkdirSync(join(manager.root, 'sessions', name))
  const report = await manager.sweep()
  const left = readdirSync(join(manager.root, 'sessions'))
  for (const name of names) expect(left).toContain(name)
  for (const entry of report.items) expect(entry.name).not.toMatch(/[\p{Cc}\u202a-\u202e]/u)
})
