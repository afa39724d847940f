// The manual: what `--help` prints, in the order of a man page. Promise: made from the commands themselves, so it
// cannot say less than they do.

import type { Command, Help } from 'commander'
import { STATUS_TEXT } from './exit-status.ts'
import type { Paint } from './terminal.ts'

/** What a command's page says beyond its options. */
export interface Page {
  readonly description: readonly string[]
  readonly examples: readonly (readonly [command: string, what: string])[]
}

const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ['TEMP_FILE_MANAGER_DIR', 'the directory that holds the root, where --base-dir is not given'],
  ['NO_COLOR', 'if not empty: no colours and no progress bar, on a terminal either'],
  ['DEBUG', 'what to tell on standard error while working: temp-file-manager:*'],
]

/** The page of `command`. */
export function manualOf(command: Command, help: Help, page: Page, paint: Paint): string {
  const full = fullName(command)
  const section = (title: string, lines: readonly string[]): string =>
    lines.length === 0
      ? ''
      : `${paint('bold', title)}\n${lines.map((line) => `    ${line}`.trimEnd()).join('\n')}\n\n`
  const terms = (pairs: readonly (readonly [string, string])[]): string[] =>
    pairs.flatMap(([term, what], index) => [
      ...(index === 0 ? [] : ['']),
      paint('bold', term),
      ...wrap(what).map((line) => `    ${line}`),
    ])
  const commands = help
    .visibleCommands(command)
    .filter((sub) => sub.name() !== 'help')
    .map((sub): readonly [string, string] => [`${sub.name()} ${sub.usage()}`.trim(), sub.summary()])
  const options = help
    .visibleOptions(command)
    .map((option): readonly [string, string] => [option.flags, sentence(option.description)])
  const operands = command.registeredArguments.map((argument): readonly [string, string] => [
    argument.name().toUpperCase(),
    sentence(argument.description),
  ])
  return (
    section('NAME', [`${full.replaceAll(' ', '-')} - ${command.summary()}`]) +
    section('SYNOPSIS', [`${full} ${command.usage()}`]) +
    section(
      'DESCRIPTION',
      page.description.flatMap((text, index) => [...(index === 0 ? [] : ['']), ...wrap(text)]),
    ) +
    section('COMMANDS', terms(commands.map(([term, what]) => [term, sentence(what)]))) +
    section('OPERANDS', terms(operands)) +
    section('OPTIONS', terms(options)) +
    section(
      'EXIT STATUS',
      STATUS_TEXT.map(([status, meaning]) => `${String(status).padEnd(5)}${meaning}`),
    ) +
    section('ENVIRONMENT', terms(ENVIRONMENT.map(([term, what]) => [term, sentence(what)]))) +
    section('EXAMPLES', terms(page.examples.map(([line, what]) => [line, what])))
  ).replace(/\n+$/, '\n')
}

function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`
}

function sentence(text: string): string {
  const first = `${text.charAt(0).toUpperCase()}${text.slice(1)}`
  return /[.)]$/.test(first) ? first : `${first}.`
}

/** Lines of at most 72 characters. */
function wrap(text: string): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > 72) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return [...lines, line]
}
