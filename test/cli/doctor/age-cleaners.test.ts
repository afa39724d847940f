import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ageRuleOf, parseTmpfiles } from '../../../src/cli/doctor/age-cleaners.ts'
import { tempBase } from '../../fixtures/temp-base.ts'

describe('systemd-tmpfiles', () => {
  const ROOT = '/tmp/svc-0'

  function rules(
    files: Readonly<Record<string, string>>,
    over: Readonly<Record<string, string>> = {},
  ): string[] {
    const [etc, usr] = [tempBase(), tempBase()]
    for (const [name, text] of Object.entries(files)) writeFileSync(join(usr, name), text)
    for (const [name, text] of Object.entries(over)) writeFileSync(join(etc, name), text)
    return [etc, usr]
  }

  test.each<[string, Record<string, string>, Record<string, string>, string | undefined]>([
    ['an age on /tmp holds for a root in it', { 'tmp.conf': 'q /tmp 1777 root root 10d\n' }, {}, '10d'],
    [
      'a line without an age gives no age',
      { 'tmp.conf': 'D /tmp 1777 root root -\n#q /tmp 1777 root root 30d\n' },
      {},
      undefined,
    ],
    [
      'an age on another directory does not hold for a root',
      { 'tmp.conf': 'q /var/tmp 1777 root root 30d\n' },
      {},
      undefined,
    ],
    [
      'a file in /etc hides the lines of a file of its name',
      { 'tmp.conf': 'q /tmp 1777 root root 10d\n' },
      { 'tmp.conf': '' },
      undefined,
    ],
    [
      'an exemption of a root ends the age on /tmp',
      { 'tmp.conf': 'q /tmp 1777 root root 10d\n' },
      { 'own.conf': "x '/tmp/svc-*'\n" },
      undefined,
    ],
    [
      'an exemption of something else does not end the age on /tmp',
      { 'tmp.conf': 'q /tmp 1777 root root 10d\n' },
      { 'x.conf': 'x /tmp/other\n' },
      '10d',
    ],
    [
      'the age on the longest path holds',
      { 'a.conf': 'q /tmp 1777 root root 10d\ne /tmp/svc-0 - - - 1h\n' },
      {},
      '1h',
    ],
  ])('systemd-tmpfiles: %s', (_, files, over, age) => {
    expect(ageRuleOf(ROOT, rules(files, over))?.age).toBe(age)
  })

  test('a line of systemd-tmpfiles is read with its modifiers and quotes', () => {
    expect(parseTmpfiles('d! "/tmp/a b" 0755 root root 5d\n', 'f')).toEqual([
      { type: 'd!', path: '/tmp/a b', age: '5d', file: 'f' },
    ])
  })
})
