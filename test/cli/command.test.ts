import { expect, test } from 'vitest'
import { tempManager } from '../fixtures/temp-base.ts'
import { run } from './command-line.ts'

test('a name that no program has used is reported, with the names that exist', async () => {
  const manager = tempManager({ name: 'used' })
  manager.file()
  const { status, stderr } = await run(['ls', '--name', 'usde'], {
    TEMP_FILE_MANAGER_DIR: `${manager.root}/..`,
  })
  expect(status).toBe(0)
  expect(stderr).toContain('it does not exist. Roots that exist there: --name used.')
})

test.each([
  ['a root of another user', `/tmp/cli-${4_000_000_000}`],
  ['a directory that is not a root', '/tmp'],
])('--root with %s is refused with status 2', async (_what, root) => {
  const { status, stderr } = await run(['ls', '--root', root])
  expect(status).toBe(2)
  expect(stderr).toContain('--root must be a root directory of your user')
})
