// `run`: a program with a temp directory of its own. Guarantee: the directory is removed when the program ends; when this
// process is killed, the program keeps it and the next sweep after the program's end removes it; signals reach the
// program, and its exit status is this one's.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, join } from 'node:path'
import { errnoOf } from '../../errors.ts'
import { isTempFileError, type Preserve, type TempDir, TempFileManager } from '../../index.ts'
import { toMilliseconds } from '../../input/units.ts'
import { platform } from '../../platform/index.ts'
import { invalid, type Stage, textOf, type Values } from '../command.ts'

/** Signals that do not end this process but are passed on, unless the program has them from the terminal. */
const PASSED_ON: readonly NodeJS.Signals[] = [
  'SIGTERM',
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGBREAK',
  'SIGUSR1',
  'SIGUSR2',
]

export async function run(stage: Stage, values: Values, words: readonly string[]): Promise<number> {
  const manager = new TempFileManager({
    name: textOf(values, 'name'),
    baseDir: textOf(values, 'base-dir'),
    signals: false,
    sweep: { every: false },
    preserve: preserveOf(values),
  })
  try {
    await using scope = manager.scope()
    const status = await runIn(stage, scope.dir('.run'), words)
    if (status !== 0) scope.fail(`${words[0]} ended with status ${status}`)
    return status
  } finally {
    await manager.close()
  }
}

/** The files that are kept of a program that failed. */
function preserveOf(values: Values): Preserve {
  const [count, age] = [textOf(values, 'keep-count'), textOf(values, 'keep-age')]
  if (values['keep-on-failure'] !== true) {
    if (count === undefined && age === undefined) return false
    throw invalid('keep-on-failure', '--keep-count and --keep-age need --keep-on-failure.')
  }
  if (count !== undefined && !/^[1-9]\d{0,8}$/.test(count))
    throw invalid('keep-count', '--keep-count must be a whole number of at least 1.')
  if (age !== undefined) toMilliseconds(age, '--keep-age')
  return { ...(count === undefined ? {} : { count: Number(count) }), ...(age === undefined ? {} : { age }) }
}

async function runIn(
  stage: Stage,
  dir: TempDir,
  [command = '', ...args]: readonly string[],
): Promise<number> {
  let child: ChildProcess | undefined
  const pass = (signal: NodeJS.Signals): void => {
    if (!platform().comesFromTerminal(signal)) child?.kill(signal)
  }
  // Before the program starts: it may run, and its user may send a signal, before spawn() returns here.
  for (const signal of PASSED_ON) process.on(signal, pass)
  try {
    child = start(dir, (...lease) =>
      spawn(command, args, {
        stdio: ['inherit', 'inherit', 'inherit', ...lease],
        env: { ...process.env, ...dir.env() },
      }),
    )
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null] // as documented
    return code ?? 128 + (signal === null ? 0 : constants.signals[signal])
  } catch (error) {
    const missing = isMissing(command, errnoOf(error))
    stage.stderr.write(
      `temp-file-manager: ${command}: ${missing ? 'command not found' : `could not be started (${errnoOf(error)})`}\n`,
    )
    return missing ? 127 : 126
  } finally {
    for (const signal of PASSED_ON) process.off(signal, pass)
  }
}

/** Starts the program with the lease, where there is one. */
function start(dir: TempDir, spawned: (...lease: number[]) => ChildProcess): ChildProcess {
  try {
    return dir.holdFor(spawned)
  } catch (error) {
    if (isTempFileError(error) && error.code === 'ERR_TEMP_IO') return spawned()
    throw error
  }
}

/**
 * Whether no such command exists. execvp(3) reports EACCES also for a name that is in no readable directory of PATH, once
 * one of the directories cannot be searched; a shell answers 127 there.
 */
function isMissing(command: string, errno: string | undefined): boolean {
  if (errno !== 'EACCES' || command.includes('/')) return errno === 'ENOENT'
  return !(process.env['PATH'] ?? '')
    .split(delimiter)
    .some((directory) => existsSync(join(directory, command)))
}
