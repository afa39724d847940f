import { expect, test } from 'vitest'
import { commandOf, parseWords, UsageError } from '../../src/cli/arguments.ts'
import { COMMANDS } from '../../src/cli/commands.ts'
import { run } from './command-line.ts'

test.each([
  [['sweeep'], "Unknown command 'sweeep'. Did you mean sweep?"],
  [['sweep', '--dryrun'], 'Did you mean --dry-run?'],
  [['sweep', '--remove-unknown-after', '3 days'], '--remove-unknown-after must be'],
  [['ls', '--root', '/tmp'], "a path that ends in '-"],
  [['run', '--name', '--', 'true'], "Option '--name' needs a value, which is given as --name=VALUE"],
  [['inspect'], 'The operand TICKET is missing.'],
  [['inspect', 'a', 'b'], "Unexpected operand 'b'."],
])('the command line %j ends with status 2 and names what is wrong', async (args, message) => {
  const { status, stderr } = await run(args)
  expect(status).toBe(2)
  expect(stderr).toContain(message)
})

test('an option of run after the command belongs to the command', () => {
  const { values, operands } = parseWords(commandOf(COMMANDS, 'run'), [
    '--name',
    'x',
    'ls',
    '--json',
    '--name',
    'y',
  ])
  expect({ ...values }).toEqual({ name: 'x' })
  expect(operands).toEqual(['ls', '--json', '--name', 'y'])
})

test('--help needs no operand, and a missing command is a usage error', () => {
  expect(parseWords(commandOf(COMMANDS, 'inspect'), ['--help']).values['help']).toBe(true)
  expect(() => commandOf(COMMANDS, undefined)).toThrow(UsageError)
})
