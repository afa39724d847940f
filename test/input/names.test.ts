import { describe, expect, onTestFinished, test } from 'vitest'
import { isTempFileError } from '../../src/errors.ts'
import { checkAffixes, checkName, displayName, forLog, plainExtension } from '../../src/input/names.ts'
import { usePlatform } from '../../src/platform/index.ts'
import { linux } from '../../src/platform/linux.ts'
import { windows } from '../../src/platform/windows.ts'
import { failureSync } from '../fixtures/failures.ts'

const LONG = 'n'.repeat(255)

describe('accepted names', () => {
  test.each([
    'a',
    'v1..2.tar.gz',
    '映画.mkv',
    '..hidden',
    '...a',
    '-rf',
    '~',
    '$HOME',
    'a b',
    ' leading space',
    'owner.json',
    's-1-abc',
    '.gone-x',
    'console.log',
    'com10',
    '🎬.mp4',
    'é'.normalize('NFD'),
    LONG,
    '映'.repeat(85), // 255 bytes
  ])('a name from outside may be %s', (name) => {
    expect(checkName(name)).toBe(name)
  })
})

const HOSTILE: [string, unknown][] = [
  ['empty', ''],
  ['the directory itself', '.'],
  ['the parent', '..'],
  ['a path', 'a/b'],
  ['a traversal', '../../etc/passwd'],
  ['an absolute path', '/etc/passwd'],
  ['a Windows path', 'a\\b'],
  ['a NUL', 'a\0.txt'],
  ['a newline', 'a\nb'],
  ['an escape sequence', '\u001b[2J'],
  ['DEL', 'a\u007f'],
  ['a C1 control', 'a\u009b'],
  ['a right-to-left override', 'gnp.\u202eexe'],
  ['an isolate', 'a\u2066b'],
  ['an Arabic letter mark', 'a\u061cb'],
  ['a line separator', 'a\u2028b'],
  ['half a surrogate pair', 'a\ud800'],
  ['a trailing dot', 'a.'],
  ['a trailing space', 'a '],
  ['a Windows device', 'CON'],
  ['a Windows device with an extension', 'nul.txt'],
  ['a Windows device with a superscript', 'com¹'],
  ['256 bytes', `${LONG}n`],
  ['256 bytes in 86 characters', `${'映'.repeat(85)}a`],
  ['a number', 5],
  ['null', null],
  ['undefined', undefined],
  ['an object whose toString is a name', { toString: () => 'a' }],
  ['an array', ['a']],
]

describe('refused names', () => {
  test.each(HOSTILE)('a hostile name from outside is refused: %s', (_what, name) => {
    failureSync('ERR_TEMP_NAME_INVALID', () => checkName(name))
  })

  // The last one ends a process of Node 22 on Windows: an assertion of libuv.
  test.each(['a:b', 'a\u{10ffff}b'])(
    'a name with a character that Windows forbids is refused on Windows alone: %j',
    (name) => {
      onTestFinished(usePlatform(windows))
      failureSync('ERR_TEMP_NAME_INVALID', () => checkName(name))
      usePlatform(linux)
      expect(checkName(name)).toBe(name)
    },
  )

  test('the refusal of a hostile name does not contain its text', () => {
    const error = failureSync('ERR_TEMP_NAME_INVALID', () => checkName('evil\u202e\n'))
    expect(error.message).not.toContain('evil')
    expect(error.status).toBe(400)
  })
})

describe('prefixes and suffixes', () => {
  test.each(HOSTILE.filter(([what]) => !/empty|itself|parent|bytes|Windows device/.test(what)))(
    'a prefix or suffix from outside is refused with %s',
    (_what, part) => {
      failureSync('ERR_TEMP_NAME_INVALID', () => checkAffixes('tmp-', part, 27))
      if (!/trailing/.test(String(_what)))
        failureSync('ERR_TEMP_NAME_INVALID', () => checkAffixes(part, '', 27))
    },
  )

  test.each(['', '.mkv', '.tar.gz', '-映画.mkv', '..2.tar.gz', '~'])(
    'a suffix from outside may be %s',
    (suffix) => {
      expect(() => checkAffixes('tmp-', suffix, 27)).not.toThrow()
    },
  )

  test('a suffix from outside may fill the name up to 255 bytes, not 256', () => {
    expect(() => checkAffixes('tmp-', 's'.repeat(255 - 4 - 27), 27)).not.toThrow()
    failureSync('ERR_TEMP_NAME_INVALID', () => checkAffixes('tmp-', 's'.repeat(255 - 4 - 26), 27))
  })

  test('a prefix that makes the name a Windows device is refused', () => {
    failureSync('ERR_TEMP_NAME_INVALID', () => checkAffixes('con.', '', 27))
  })
})

describe('names for display', () => {
  test.each([
    ['report.pdf', 'report.pdf'],
    ['C:\\Users\\me\\report.pdf', 'report.pdf'],
    ['/etc/passwd', 'passwd'],
    ['../../x', 'x'],
    ['', 'file'],
    ['...', 'file'],
    ['a\u202egnp.exe', 'agnp.exe'],
    ['a<b>.txt', 'a_b_.txt'],
    ['nul.txt', '_nul.txt'],
    [' a .', 'a'],
    ['映画.mkv', '映画.mkv'],
  ])('the name %j is displayed as %j', (given, shown) => {
    expect(displayName(given)).toBe(shown)
  })

  test('a name for display keeps its extension when it is cut to 255 bytes, and splits no character', () => {
    const shown = displayName(`${'映'.repeat(200)}.mkv`)
    expect(Buffer.byteLength(shown)).toBeLessThanOrEqual(255)
    expect(shown).toMatch(/^映+\.mkv$/)
  })

  test('a name for display always passes as a name itself', () => {
    for (const [, hostile] of HOSTILE) {
      if (typeof hostile !== 'string') continue
      expect(() => checkName(displayName(hostile))).not.toThrow()
    }
  })
})

test('text for a log is one line of at most 200 characters without controls', () => {
  expect(forLog('a\nb\u001b[2J\u202e')).toBe('a?b?[2J?')
  expect(forLog('x'.repeat(500))).toBe(`${'x'.repeat(200)}...`)
})

test('a plain extension is a dot and up to 16 letters and digits at the end of a name', () => {
  expect(plainExtension('v1.tar.GZ')).toBe('.GZ')
  expect(plainExtension('.mkv')).toBe('.mkv')
  for (const name of ['', 'none', 'dot.', 'a.b c', 'a.é', `a.${'x'.repeat(17)}`, 'a.b/c'])
    expect(plainExtension(name)).toBe('')
})

test('every refusal is a TempFileError', () => {
  try {
    checkName('')
  } catch (error) {
    expect(isTempFileError(error)).toBe(true)
  }
  expect.assertions(1)
})
