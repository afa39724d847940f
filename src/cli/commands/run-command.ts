// `run`: a program with a temp directory of its own. Guarantee: the directory is removed when the program ends; when this
// process is killed, the program keeps it and the next sweep after the program's end removes it; signals reach the
// program, and its exit status is this one's.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, join } from 'node:path'
import { errnoOf, messageOf } from '../../errors.ts'
import { isTempFileError, type Preserve, type TempDir, TempFileManager } from '../../index.ts'
import { platform } from '../../platform/index.ts'
import { durationOf, invalid, type Stage, textOf, type Values } from '../command.ts'

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
  const preserve = preserveOf(values)
  const signals = passSignals()
  const manager = new TempFileManager({
    name: textOf(values, 'name'),
    baseDir: textOf(values, 'base-dir'),
    signals: false,
    sweep: { every: false },
    preserve,
  })
  let ended: number | undefined
  try {
    await using scope = manager.scope()
    const { status, ran } = await runIn(stage, scope.dir('.run'), words, signals)
    ended = status
    if (ran && status !== 0) scope.fail(`${words[0]} ended with status ${status}`)
  } catch (error) {
    if (ended === undefined) throw error
    const errors = error instanceof AggregateError ? error.errors : [error] // the directory could not be kept
    for (const message of new Set(errors.map(messageOf)))
      stage.stderr.write(`temp-file-manager: ${message}\n`)
  } finally {
    await manager.close()
  }
  return ended
}

/** The files that are kept of a program that failed; undefined: the environment variable decides. */
function preserveOf(values: Values): Preserve | undefined {
  const [count, ageText] = [textOf(values, 'keep-count'), textOf(values, 'keep-age')]
  if (values['keep-on-failure'] !== true) {
    if (count === undefined && ageText === undefined) return undefined
    throw invalid('keep-on-failure', '--keep-count and --keep-age need --keep-on-failure.')
  }
  if (count !== undefined && !/^[1-9]\d{0,8}$/.test(count))
    throw invalid('keep-count', '--keep-count must be a whole number of at least 1.')
  const age = ageText === undefined ? undefined : durationOf(ageText, '--keep-age')
  return { ...(count === undefined ? {} : { count: Number(count) }), ...(age === undefined ? {} : { age }) }
}

/** The signals of this process that reach the program in its place. */
interface Signals {
  /** One that came before there was a program. */
  readonly early: NodeJS.Signals | undefined
  /** The program that gets them from now on. */
  to(child: ChildProcess): void
}

/** Listens to the end of this process: a signal while the directory is created or removed would leave it. */
function passSignals(): Signals {
  let child: ChildProcess | undefined
  let early: NodeJS.Signals | undefined
  const pass = (signal: NodeJS.Signals): void => {
    if (child === undefined) early ??= signal
    else if (!platform().comesFromTerminal(signal, child.pid)) child.kill(signal)
  }
  for (const signal of PASSED_ON) process.on(signal, pass)
  return {
    get early() {
      return early
    },
    to: (started) => {
      child = started
    },
  }
}

/** How the program ended, and whether it ran at all. */
interface Ended {
  readonly status: number
  readonly ran: boolean
}

async function runIn(
  stage: Stage,
  dir: TempDir,
  [command = '', ...args]: readonly string[],
  signals: Signals,
): Promise<Ended> {
  if (signals.early !== undefined) return { status: statusOfSignal(signals.early), ran: false }
  try {
    const child = start(dir, (...lease) =>
      spawn(command, args, {
        stdio: ['inherit', 'inherit', 'inherit', ...lease],
        env: { ...process.env, ...dir.env({ short: true }) },
      }),
    )
    signals.to(child)
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null] // as documented
    return { status: code ?? statusOfSignal(signal), ran: true }
  } catch (error) {
    const missing = isMissing(command, errnoOf(error))
    stage.stderr.write(
      `temp-file-manager: ${command}: ${missing ? 'command not found' : `could not be started (${errnoOf(error)})`}\n`,
    )
    return { status: missing ? 127 : 126, ran: false }
  }
}

/** As a shell reports a program that a signal ended. */
function statusOfSignal(signal: NodeJS.Signals | null): number {
  return 128 + (signal === null ? 0 : constants.signals[signal])
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
  if (errno !== 'EACCES' || command.includes('/')) return errno === 'ENOENT' || command === ''
  return !(process.env['PATH'] ?? '')
    .split(delimiter)
    .some((directory) => existsSync(join(directory, command)))
}
