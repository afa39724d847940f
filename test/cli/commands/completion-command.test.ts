import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { has } from '../../fixtures/mounts.ts'
import { tempBase } from '../../fixtures/temp-base.ts'
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
  const base = tempBase()
  mkdirSync(join(base, 'a directory'))
  expect(complete(`temp-file-manager ls --base-dir ${base}/a`, 3)).toBe(`${base}/a directory`)
})

describe.skipIf(!has('zsh'))('completion in zsh', () => {
  test.each([
    ['a command', 'sw', 'sweep'],
    ['an option of a command', 'ls --na', '--name'],
    ['an option behind others', 'sweep --dry-run --pre', '--prefix'],
    ['an option that three begin with', 'run --keep-o', '--keep-on-failure'],
    ['--help', 'doctor --he', '--help'],
    ['a value', 'completion zs', 'zsh'],
  ])('a real zsh completes %s (needs zsh)', async (_what, words, expected) => {
    const base = tempBase()
    const { stdout } = await run(['completion', 'zsh'])
    writeFileSync(join(base, '.zshrc'), `PROMPT='READY> '; autoload -Uz compinit; compinit -u -D\n${stdout}`)
    const child = spawn('script', ['-qefc', 'zsh -i', '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ZDOTDIR: base, TERM: 'dumb' },
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    let output = ''
    const shows = async (text: string): Promise<void> => {
      while (!output.includes(text)) output += String((await once(child.stdout, 'data'))[0])
    }
    await shows('READY> ')
    child.stdin.write(`temp-file-manager ${words}\t`)
    await shows(`temp-file-manager ${words.slice(0, words.lastIndexOf(' ') + 1)}${expected}`)
    child.kill('SIGKILL') // zsh ends with its terminal: a Control-C can take the start of what follows it
    await once(child, 'close')
  })
})

test('the completion of zsh lists every command', async () => {
  const { stdout } = await run(['completion', 'zsh'])
  for (const command of ['ls', 'sweep', 'inspect', 'doctor', 'run', 'completion'])
    expect(stdout).toContain(`'${command}:`)
})

test('completion for a shell other than bash and zsh is refused with status 2', async () => {
  expect((await run(['completion', 'fish'])).status).toBe(2)
})
