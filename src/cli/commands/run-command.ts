// `run`: a program with a temp directory of its own. Guarantee: the directory is removed when the program ends, and by
// the next sweep when this process is killed; signals reach the program, and its exit status is this one's.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, join } from 'node:path'
import { errnoOf } from '../../errors.ts'
import { type TempDir, TempFileManager } from '../../index.ts'
import { type Stage, textOf, type Values } from '../command.ts'
import { keepDirectory } from '../keep-directory.ts'

/** Signals that are passed on. SIGINT and SIGQUIT come from a terminal to the whole group, so the program has them. */
const PASSED_ON: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2']
const FROM_TERMINAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT']

export async function run(stage: Stage, values: Values, words: readonly string[]): Promise<number> {
  const manager = new TempFileManager({
    name: textOf(values, 'name'),
    baseDir: textOf(values, 'base-dir'),
    signals: false,
    sweep: { every: false },
  })
  try {
    const dir = manager.dir('.run')
    const status = await runIn(stage, dir, words)
    if (status !== 0 && values['keep-on-failure'] === true)
      stage.stderr.write(`temp-file-manager: kept ${await keepDirectory(manager, dir)}\n`)
    return status
  } finally {
    await manager.close()
  }
}

async function runIn(
  stage: Stage,
  dir: TempDir,
  [command = '', ...args]: readonly string[],
): Promise<number> {
  let child: ChildProcess | undefined
  const pass = (signal: NodeJS.Signals): void => {
    if (process.stdin.isTTY !== true || !FROM_TERMINAL.includes(signal)) child?.kill(signal)
  }
  // Before the program starts: it may run, and its user may send a signal, before spawn() returns here.
  for (const signal of PASSED_ON) process.on(signal, pass)
  try {
    child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, ...dir.env() } })
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
