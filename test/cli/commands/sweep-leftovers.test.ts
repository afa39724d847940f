import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tempBase } from '../../fixtures/temp-base.ts'
import { asOrdinaryUser, COMMAND, capture, run } from '../command-line.ts'

test.each([
  ['a prefix of two characters', ['--prefix', 'my', '--in', '/tmp']],
  ['a prefix that is a path', ['--prefix', '../x', '--in', '/tmp']],
  ['no directory', ['--prefix', 'myapp-']],
  ['a root', ['--prefix', 'myapp-', '--in', '/tmp', '--name', 'x']],
  ['an owner that is a name', ['--prefix', 'myapp-', '--in', '/tmp', '--owner', 'nobody']],
  ['an owner that no user id reaches', ['--prefix', 'myapp-', '--in', '/tmp', '--owner', '4294967296']],
  ['no text for a directory', ['--prefix', 'myapp-', '--in', '']],
  ['a directory that does not exist', ['--prefix', 'myapp-', '--in', join(import.meta.dirname, 'missing')]],
  ['a file for a directory', ['--prefix', 'myapp-', '--in', import.meta.filename]],
  ['--kept', ['--prefix', 'myapp-', '--in', '/tmp', '--kept']],
  ['a bad age', ['--prefix', 'myapp-', '--in', '/tmp', '--older-than', '3 days ago']],
  ['--delete without a prefix', ['--delete']],
])('sweep --prefix refuses %s with status 2', async (_what, args) => {
  const { status, stderr } = await run(['sweep', ...args])
  expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringMatching(/^.*--\w+/) })
})

test('sweep --prefix refuses a directory that this user cannot read', async () => {
  const base = tempBase()
  mkdirSync(join(base, 'closed'), { mode: 0 })
  const words = [
    ...asOrdinaryUser(base),
    ...COMMAND,
    'sweep',
    '--prefix',
    'myapp-',
    '--in',
    join(base, 'closed'),
  ]
  const { status, stderr } = await capture(words, {})
  expect({ status, stderr }).toEqual({
    status: 2,
    stderr: expect.stringContaining('--in must name a directory that'),
  })
})

test('sweep --prefix --json reports each entry with its reason, and what was done', async () => {
  const base = tempBase()
  mkdirSync(join(base, 'myapp-young'))
  const { status, stdout } = await run(['sweep', '--prefix', 'myapp-', '--in', base, '--delete', '--json'])
  expect({ status, report: JSON.parse(stdout) }).toEqual({
    status: 0,
    report: {
      dryRun: false,
      leftovers: [
        { path: join(base, 'myapp-young'), action: 'kept', reason: 'something in it changed too recently' },
      ],
    },
  })
  expect(existsSync(join(base, 'myapp-young'))).toBe(true)
})
