import { expect, test } from 'vitest'
import { COMMANDS } from '../../src/cli/commands.ts'

test('a name of a command or of an option of one command is used once', () => {
  const names = COMMANDS.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
  for (const { options } of COMMANDS)
    expect(new Set(options.map(({ name }) => name)).size).toBe(options.length)
})

test.each(COMMANDS.map((command) => [command.name, command] as const))(
  '%s names its operands in the synopsis',
  (_name, { usage, operands }) => {
    for (const [operand] of operands) expect(usage).toContain(operand)
    expect(usage.includes('[options]')).toBe(usage !== 'SHELL')
  },
)
