import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { run } from '../command-line.ts'

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
  expect(complete('temp-file-manager run --keep-', 2)).toBe('--keep-on-failure --keep-count --keep-age')
  expect(complete('temp-file-manager ls --base-dir /us', 3)).toBe('/usr')
})

test('the completion of zsh lists every command', async () => {
  const { stdout } = await run(['completion', 'zsh'])
  for (const command of ['ls', 'sweep', 'inspect', 'doctor', 'run', 'completion'])
    expect(stdout).toContain(`'${command}:`)
})

test('another shell is refused with status 2', async () => {
  expect((await run(['completion', 'fish'])).status).toBe(2)
})
