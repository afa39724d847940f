// The manual: what `--help` prints, in the order of a man page. Guarantee: it is made from the table of commands, so
// it lists every option.

import type { CommandSpec, OptionSpec, Page } from './command.ts'
import { STATUS_TEXT } from './exit-status.ts'
import { PROGRAM } from './pages.ts'
import type { Paint } from './terminal.ts'

const NAME = 'temp-file-manager'
const HELP: OptionSpec = { name: 'help', short: 'h', description: 'print this manual' }
const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ['TEMP_FILE_MANAGER_DIR', 'the directory that contains the root, unless --base-dir is given'],
  ['NO_COLOR', 'if not empty: no colours and no progress bar, on a terminal either'],
  ['DEBUG', 'what to log on standard error while working: temp-file-manager:*'],
]

/** The page of one command. */
export function manualOf(command: CommandSpec, paint: Paint): string {
  return page(paint, {
    name: `${NAME}-${command.name} - ${command.summary}`,
    synopsis: `${NAME} ${command.name} ${command.usage}`,
    page: command.page,
    lists: [
      ['OPERANDS', command.operands],
      ['OPTIONS', [...command.options, HELP].map(optionTerm)],
    ],
  })
}

/** The page of the program. */
export function programManual(commands: readonly CommandSpec[], paint: Paint): string {
  const version: OptionSpec = { name: 'version', short: 'V', description: 'print the version' }
  return page(paint, {
    name: `${NAME} - look at, sweep and diagnose a root of temporary files`,
    synopsis: `${NAME} COMMAND [options]`,
    page: PROGRAM,
    lists: [
      ['COMMANDS', commands.map(({ name, usage, summary }) => [`${name} ${usage}`, summary])],
      ['OPTIONS', [version, HELP].map(optionTerm)],
    ],
  })
}

interface Manual {
  readonly name: string
  readonly synopsis: string
  readonly page: Page
  readonly lists: readonly (readonly [title: string, terms: readonly (readonly [string, string])[]])[]
}

function page(
  paint: Paint,
  { name, synopsis, page: { description, examples, statuses }, lists }: Manual,
): string {
  const section = (title: string, lines: readonly string[]): string =>
    lines.length === 0
      ? ''
      : `${paint('bold', title)}\n${lines.map((line) => `    ${line}`.trimEnd()).join('\n')}\n\n`
  const terms = (pairs: readonly (readonly [string, string])[]): string[] =>
    pairs.flatMap(([term, what], index) => [
      ...(index === 0 ? [] : ['']),
      paint('bold', term),
      ...wrap(sentence(what)).map((line) => `    ${line}`),
    ])
  const text =
    section('NAME', [name]) +
    section('SYNOPSIS', [synopsis]) +
    section(
      'DESCRIPTION',
      description.flatMap((each, index) => [...(index === 0 ? [] : ['']), ...wrap(each)]),
    ) +
    lists.map(([title, pairs]) => section(title, terms(pairs))).join('') +
    section(
      'EXIT STATUS',
      (statuses ?? STATUS_TEXT).flatMap(([status, meaning]) =>
        wrap(`${String(status).padEnd(9)}${meaning}`).map((line, index) =>
          index === 0 ? line : `         ${line}`,
        ),
      ),
    ) +
    section('ENVIRONMENT', terms(ENVIRONMENT)) +
    section('EXAMPLES', terms(examples))
  return text.replace(/\n+$/, '\n')
}

function optionTerm({ name, short, value, description }: OptionSpec): readonly [string, string] {
  const long = value === undefined ? `--${name}` : `--${name} <${value}>`
  return [short === undefined ? long : `-${short}, ${long}`, description]
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
