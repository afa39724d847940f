// Reads the words of a command line with node:util's parseArgs. Guarantee: a wrong command line is a UsageError whose
// message names the word and the correct one, before any command runs.

import { type ParseArgsConfig, parseArgs } from 'node:util'
import { messageOf } from '../errors.ts'
import { closestName } from '../input/spelling.ts'
import type { CommandSpec, Values } from './command.ts'

/** A wrong command line. `command`: the one whose manual helps. */
export class UsageError extends Error {
  readonly command: CommandSpec | undefined

  constructor(message: string, command?: CommandSpec) {
    super(message)
    this.command = command
  }
}

export interface Parsed {
  readonly values: Values
  readonly operands: readonly string[]
}

/** Finds the command that the first word names. @throws UsageError */
export function commandOf(commands: readonly CommandSpec[], word: string | undefined): CommandSpec {
  if (word === undefined) throw new UsageError('A command is missing.')
  const command = commands.find(({ name }) => name === word)
  if (command !== undefined) return command
  if (word.startsWith('-')) throw new UsageError(`Unknown option ${word}: a command comes first.`)
  throw new UsageError(
    `Unknown command '${word}'.${hint(
      word,
      commands.map(({ name }) => name),
    )}`,
  )
}

/** Reads the options and operands of a command. @throws UsageError */
export function parseWords(command: CommandSpec, words: readonly string[]): Parsed {
  const end = command.passesOn === true ? endOfOwnWords(command, words) : words.length
  const options: NonNullable<ParseArgsConfig['options']> = { help: { type: 'boolean', short: 'h' } }
  for (const { name, short, value } of command.options)
    options[name] = {
      type: value === undefined ? 'boolean' : 'string',
      ...(short === undefined ? {} : { short }),
    }
  try {
    const { values, positionals } = parseArgs({
      args: words.slice(0, end),
      options,
      allowPositionals: true,
      strict: true,
    })
    const operands = [...positionals, ...words.slice(end).filter((word, index) => index > 0 || word !== '--')]
    if (values['help'] !== true) checkOperands(command, operands)
    return { values: values as Values, operands } // no option has `multiple`, so no value is a list
  } catch (error) {
    throw error instanceof UsageError ? error : usageError(command, error)
  }
}

/** The index at which the words of another program begin: at `--`, or at the first operand. */
function endOfOwnWords(command: CommandSpec, words: readonly string[]): number {
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? ''
    if (word === '--' || !word.startsWith('-')) return index
    const option = command.options.find(({ name }) => word === `--${name}`)
    if (option?.value !== undefined) index++ // its value
  }
  return words.length
}

function checkOperands(command: CommandSpec, operands: readonly string[]): void {
  const missing = command.operands[operands.length]
  if (missing !== undefined) throw new UsageError(`The operand ${missing[0]} is missing.`, command)
  const extra = operands[command.operands.length]
  if (extra !== undefined && command.passesOn !== true)
    throw new UsageError(`Unexpected operand '${extra}'.`, command)
}

/** parseArgs explains itself in a sentence, then advises about `--`, which no user asked about. */
function usageError(command: CommandSpec, error: unknown): UsageError {
  const message = messageOf(error)
  const [sentence = message] = message.split(/\. |\n/)
  const first = sentence.replace(
    /^Option '(.+)' argument is ambiguous.?$/,
    "Option '$1' needs a value, which is given as $1=VALUE where it starts with a dash",
  )
  const given = /Unknown option '-+([^']*)'/.exec(first)?.[1]
  const names = command.options.map(({ name }) => name)
  return new UsageError(
    `${first.replace(/\.$/, '')}.${given === undefined ? '' : hint(given, names, '--')}`,
    command,
  )
}

function hint(given: string, known: readonly string[], before = ''): string {
  const meant = closestName(given, known)
  return meant === undefined ? '' : ` Did you mean ${before}${meant}?`
}
