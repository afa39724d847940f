import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { tempManager } from '../fixtures/temp-base.ts'
import { run } from './command-line.ts'

test.each([
  [['sweeep'], "Unknown command 'sweeep'. Did you mean sweep?"],
  [['sweep', '--dryrun'], 'Did you mean --dry-run?'],
  [['sweep', '--remove-unknown-after', '3 days'], '--remove-unknown-after must be'],
  [['ls', '--root', '/tmp'], "a path that ends in '-"],
  [['inspect'], 'The operand TICKET is missing.'],
  [['inspect', 'a', 'b'], "Unexpected operand 'b'."],
])('%j is status 2 and says what is wrong', async (args, message) => {
  const { status, stderr } = await run(args)
  expect(status).toBe(2)
  expect(stderr).toContain(message)
})

test('a name that no program has used is reported, with the names that exist', async () => {
  const manager = tempManager({ name: 'used' })
  manager.file()
  const { status, stderr } = await run(['ls', '--name', 'usde'], {
    TEMP_FILE_MANAGER_DIR: `${manager.root}/..`,
  })
  expect(status).toBe(0)
  expect(stderr).toContain('it does not exist. Roots that exist there: --name used.')
})

test('every line of ls fits 80 columns', async () => {
  const manager = tempManager({ name: 'cli' })
  await (await manager.receive('x', { name: `${'long-'.repeat(30)}.txt` })).handOff()
  manager.file()
  const { stdout } = await run(['ls', '--root', manager.root])
  const [, ...lines] = stdout.split('\n') // the first one is the path of the root
  expect(lines.filter((line) => line.length > 80)).toEqual([])
})

test('ls shows an expired handoff as expired', async () => {
  const manager = tempManager({ name: 'cli' })
  const ticket = await (await manager.receive('x')).handOff({ ttl: 0 })
  const { stdout } = await run(['ls', '--root', manager.root])
  expect(stdout).toMatch(new RegExp(`^${ticket}  expired`, 'm'))
})

test('the completion of bash offers commands and options', async () => {
  const { stdout } = await run(['completion', 'bash'])
  const complete = (words: string, index: number) =>
    spawnSync('bash', [
      '-c',
      `${stdout}\nCOMP_WORDS=(${words}); COMP_CWORD=${index}; _temp_file_manager; echo "\${COMPREPLY[@]}"`,
    ])
      .stdout.toString()
      .trim()
  expect(complete('temp-file-manager sw', 1)).toBe('sweep')
  expect(complete('temp-file-manager sweep --dr', 2)).toBe('--dry-run')
})

test('the completion of zsh lists every command', async () => {
  const { stdout } = await run(['completion', 'zsh'])
  for (const command of ['ls', 'sweep', 'inspect', 'doctor', 'run', 'completion'])
    expect(stdout).toContain(`'${command}:`)
})
