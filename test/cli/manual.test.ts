import { expect, test } from 'vitest'
import { COMMANDS } from '../../src/cli/commands.ts'
import { manualOf, programManual } from '../../src/cli/manual.ts'
import { run } from './command-line.ts'

// biome-ignore lint/suspicious/noControlCharactersInRegex: what colours and bars are made of
const ESCAPE = /\u001b\[/
const plain = (_style: unknown, text: string): string => text

test('every command has a manual with its options and the exit statuses', async () => {
  for (const command of [[], ['ls'], ['sweep'], ['inspect'], ['doctor'], ['run'], ['completion']]) {
    const { status, stdout, stderr } = await run([...command, '--help'])
    expect(status).toBe(0)
    expect(stderr).toBe('')
    for (const title of [
      'NAME',
      'SYNOPSIS',
      'DESCRIPTION',
      'OPTIONS',
      'EXIT STATUS',
      'ENVIRONMENT',
      'EXAMPLES',
    ])
      expect(stdout).toMatch(new RegExp(`^${title}$`, 'm'))
    expect(stdout).not.toMatch(ESCAPE)
  }
})

test.each(COMMANDS.map((command) => [command.name, command] as const))(
  'the manual of %s lists every option and fits 80 columns',
  (_name, command) => {
    const manual = manualOf(command, plain)
    for (const { name } of command.options) expect(manual).toContain(`--${name}`)
    // A command line in SYNOPSIS or EXAMPLES is not broken.
    const text = manual.split('\n').filter((line) => !line.includes('temp-file-manager'))
    expect(text.filter((line) => line.length > 80)).toEqual([])
  },
)

test('the manual of the program lists every command', () => {
  const manual = programManual(COMMANDS, plain)
  for (const { name, summary } of COMMANDS) {
    expect(manual).toContain(name)
    expect(manual.toLowerCase()).toContain(summary.slice(0, 40).toLowerCase())
  }
})
