// The interface of a command, and the parts that all commands share: root, output, common options. Guarantee: a
// command that only looks creates nothing: its manager neither sweeps nor handles signals, and starts no session.

import { existsSync, readdirSync } from 'node:fs'
import { userInfo } from 'node:os'
import { basename, dirname, resolve } from 'node:path'
import { type Duration, TempFileError, TempFileManager } from '../index.ts'
import { forLog } from '../input/names.ts'
import { toMilliseconds } from '../input/units.ts'
import type { Output } from './terminal.ts'

/** One option, as node:util's parseArgs, the manual and the completion need it. */
export interface OptionSpec {
  readonly name: string
  readonly short?: string | undefined
  /** The value's name in the manual; without it the option is a flag. */
  readonly value?: string | undefined
  readonly description: string
}

/** The text of a command's page, without its options. */
export interface Page {
  readonly description: readonly string[]
  readonly examples: readonly (readonly [command: string, what: string])[]
  /** The exit statuses, where they are not the common ones. */
  readonly statuses?: readonly (readonly [status: number | string, meaning: string])[]
}

/** The values of a command's options, by name: flags are true, others are text. */
export type Values = Readonly<Record<string, string | boolean | undefined>>

export interface CommandSpec {
  readonly name: string
  readonly summary: string
  /** The part of the synopsis after the name. */
  readonly usage: string
  readonly page: Page
  /** Names and descriptions of the operands, all required. */
  readonly operands: readonly (readonly [name: string, description: string])[]
  readonly options: readonly OptionSpec[]
  /** Everything after the first operand belongs to another program: `run command args...`. */
  readonly passesOn?: true
  run(stage: Stage, values: Values, operands: readonly string[]): Promise<number>
}

/** The streams that a command writes to, and the signal that interrupts it. */
export interface Stage {
  readonly stdout: Output
  readonly stderr: Output
  readonly signal: AbortSignal
}

/** Options of every command that looks at a root. */
export const ROOT_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'root',
    value: 'path',
    description: 'the root directory itself, <base>/<name>-<uid>; instead of --name and --base-dir',
  },
  {
    name: 'name',
    value: 'name',
    description: "the root's name, as given to TempFileManager (default: temp-file-manager)",
  },
  {
    name: 'base-dir',
    value: 'path',
    description:
      'the directory that contains the root (default: TEMP_FILE_MANAGER_DIR, else the temp directory)',
  },
  { name: 'json', description: 'print one JSON document on standard output' },
]

/** The milliseconds of an option: '1h', or a plain number. @throws ERR_TEMP_OPTION_INVALID */
export function durationOf(text: string, option: string): number {
  return toMilliseconds(/^\d+$/.test(text) ? Number(text) : (text as Duration), option) // toMilliseconds checks it
}

/** The text of an option; undefined when it was not given. */
export function textOf(values: Values, name: string): string | undefined {
  const value = values[name]
  return typeof value === 'string' ? value : undefined
}

/**
 * A manager of the root that the options name. A name that no program has used is reported on standard error.
 * @throws ERR_TEMP_OPTION_INVALID, ERR_TEMP_NAME_INVALID
 */
export function managerOf(stage: Stage, values: Values): TempFileManager {
  const root = textOf(values, 'root')
  const parts =
    root === undefined
      ? { name: textOf(values, 'name'), baseDir: textOf(values, 'base-dir') }
      : partsOf(root, values)
  const manager = new TempFileManager({ ...parts, signals: false, sweep: { onStart: false, every: false } })
  if (!existsSync(manager.root)) stage.stderr.write(`${unused(manager.root)}\n`)
  return manager
}

/** Names the roots beside one that does not exist: the name is probably misspelled. */
function unused(root: string): string {
  const user = ownSuffix()
  const others = siblings(dirname(root)).filter(
    (name) => name.endsWith(user) && existsSync(resolve(dirname(root), name, 'sessions')),
  )
  const names = others.map((name) => `--name ${forLog(name.slice(0, -user.length))}`)
  const hint = names.length === 0 ? '' : ` Roots that exist there: ${names.slice(0, 5).join(', ')}.`
  return `No program of this user has used this root yet: it does not exist.${hint}`
}

function siblings(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

function ownSuffix(): string {
  return `-${process.geteuid?.() ?? userInfo().username}`
}

function partsOf(root: string, values: Values): { name: string; baseDir: string } {
  if (values['name'] !== undefined || values['base-dir'] !== undefined)
    throw invalid(
      'root',
      '--root already contains the name and the base directory: leave out --name and --base-dir.',
    )
  const path = resolve(root)
  const suffix = ownSuffix()
  const last = basename(path)
  if (!last.endsWith(suffix) || last === suffix) {
    throw invalid(
      'root',
      `--root must be a root directory of your user, a path that ends in '${suffix}', for example ` +
        `/tmp/temp-file-manager${suffix}. To look at another user's root, run this as that user.`,
    )
  }
  return { name: last.slice(0, -suffix.length), baseDir: dirname(path) }
}

/** The error of a wrong option of the command line. */
export function invalid(option: string, message: string): TempFileError {
  return new TempFileError('ERR_TEMP_OPTION_INVALID', message, { details: { option: `--${option}` } })
}

/** Writes one JSON document. */
export function writeJson(stage: Stage, value: unknown): void {
  stage.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}
