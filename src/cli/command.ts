// What all commands share: which root they look at, how they answer, what ends them. Promise: looking makes
// nothing: the manager is told neither to sweep nor to clean up after signals, and makes no session.

import { userInfo } from 'node:os'
import { basename, dirname, resolve } from 'node:path'
import type { Command } from 'commander'
import { TempFileError, TempFileManager } from '../index.ts'
import type { Output } from './terminal.ts'

/** Options of every command. */
export interface CommonOptions {
  readonly root?: string | undefined
  readonly name?: string | undefined
  readonly baseDir?: string | undefined
  readonly json?: boolean | undefined
}

/** Where a command writes, and what may interrupt it. */
export interface Stage {
  readonly stdout: Output
  readonly stderr: Output
  readonly signal: AbortSignal
}

export function addCommonOptions(command: Command): Command {
  return command
    .option(
      '--root <path>',
      'the root directory itself, <base>/<name>-<uid>; instead of --name and --base-dir',
    )
    .option('--name <name>', "the root's name, as given to TempFileManager (default: temp-file-manager)")
    .option(
      '--base-dir <path>',
      'the directory that holds the root (default: TEMP_FILE_MANAGER_DIR, else the temp directory)',
    )
    .option('--json', 'answer with one JSON document on standard output')
}

/** A manager of the root that the options name. @throws ERR_TEMP_OPTION_INVALID, ERR_TEMP_NAME_INVALID */
export function managerOf(options: CommonOptions): TempFileManager {
  const { name, baseDir } = options.root === undefined ? options : partsOf(options)
  return new TempFileManager({ name, baseDir, signals: false, sweep: { onStart: false, every: false } })
}

function partsOf({ root = '', name, baseDir }: CommonOptions): { name: string; baseDir: string } {
  if (name !== undefined || baseDir !== undefined) {
    throw invalid('--root says it all: leave out --name and --base-dir, or leave out --root.')
  }
  const path = resolve(root)
  const user = process.geteuid?.() ?? userInfo().username
  const ending = `-${user}`
  const last = basename(path)
  if (!last.endsWith(ending) || last === ending) {
    throw invalid(
      `--root must be the path of a root directory of yours, which ends in '${ending}'. For another user's, run this as that user.`,
    )
  }
  return { name: last.slice(0, -ending.length), baseDir: dirname(path) }
}

function invalid(message: string): TempFileError {
  return new TempFileError('ERR_TEMP_OPTION_INVALID', message)
}

/** Writes one JSON document. */
export function writeJson(stage: Stage, value: unknown): void {
  stage.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}
