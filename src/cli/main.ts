#!/usr/bin/env node
// The command line's entry: which command runs with what, and how its failure is told. Promise: standard output
// holds the answer and nothing else (one document with --json, also for a failure); every way out has a
// documented status.

import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { isTempFileError } from '../index.ts'
import { addCommonOptions, type CommonOptions, type Stage, writeJson } from './command.ts'
import { inspect } from './commands/inspect-command.ts'
import { ls } from './commands/ls-command.ts'
import { type SweepCommandOptions, sweep } from './commands/sweep-command.ts'
import { doctor } from './doctor/doctor.ts'
import { STATUS, statusOf } from './exit-status.ts'
import { manualOf, type Page } from './manual.ts'
import { DOCTOR, INSPECT, LS, PROGRAM, SWEEP } from './pages.ts'
import { painter } from './terminal.ts'

const interruption = new AbortController()
const stage: Stage = { stdout: process.stdout, stderr: process.stderr, signal: interruption.signal }

function program(end: (status: number) => void): Command {
  const root = new Command('temp-file-manager')
    .summary('look at, sweep and diagnose a root of temporary files')
    .usage('COMMAND [options]')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this manual')
    .helpCommand(false)
  manual(root, PROGRAM)

  const add = (name: string, page: Page, summary: string): Command => {
    const command = addCommonOptions(root.command(name).summary(summary).usage('[options]'))
    command.helpOption('-h, --help', 'print this manual')
    manual(command, page)
    return command
  }
  add('ls', LS, 'list sessions and handoffs').action(async (options: CommonOptions) =>
    end(await ls(stage, options)),
  )
  add('sweep', SWEEP, 'remove what dead processes left, and expired handoffs')
    .option('-n, --dry-run', 'only tell what would be done')
    .option(
      '--remove-unknown-after <duration>',
      "remove also what nothing proves dead, if its owner has not touched it for so long: '24h'. An owner alive but suspended, or on another host, loses its files",
    )
    .action(async (options: SweepCommandOptions) => {
      interruptible()
      end(await sweep(stage, options))
    })
  add('inspect', INSPECT, 'show one handoff without claiming it')
    .usage('[options] TICKET')
    .argument('<ticket>', 'what handOff() returned')
    .action(async (ticket: string, options: CommonOptions) => end(await inspect(stage, ticket, options)))
  add('doctor', DOCTOR, 'check the base directory, and say what to change').action(
    async (options: CommonOptions) => end(await doctor(stage, options)),
  )
  return root
}

function manual(command: Command, page: Page): void {
  command.exitOverride()
  command.configureOutput({
    outputError: (text, write) => write(`temp-file-manager: ${text.replace(/^error: /, '')}See --help.\n`),
  })
  command.helpInformation = (context) =>
    manualOf(
      command,
      command.createHelp(),
      page,
      painter(context?.error === true ? stage.stderr : stage.stdout),
    )
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  const { version: found } = JSON.parse(text) as { version: string } // the package's own file
  return found
}

async function main(argv: readonly string[]): Promise<number> {
  let status: number = STATUS.done
  try {
    await program((ended) => {
      status = ended
    }).parseAsync(argv)
  } catch (error) {
    // Commander has printed its own already: exitCode 0 for --help and --version.
    if (error instanceof CommanderError) return error.exitCode === 0 ? STATUS.done : STATUS.usage
    tellFailure(error, argv.includes('--json'))
    return interruption.signal.aborted ? STATUS.interrupted : statusOf(error)
  }
  return status
}

/** The first SIGINT stops the sweep between two entries, a second one at once. */
function interruptible(): void {
  // `on`, not `once`: signal-exit, which proper-lockfile brings, counts listeners and would raise the signal again.
  process.on('SIGINT', () => {
    if (interruption.signal.aborted) process.exit(STATUS.interrupted)
    interruption.abort()
  })
}

function tellFailure(error: unknown, json: boolean): void {
  const known = isTempFileError(error) ? error : undefined
  const message = error instanceof Error ? error.message : String(error)
  const { code, path } = known ?? {}
  if (json) writeJson(stage, { error: { code, message, path } })
  else stage.stderr.write(`temp-file-manager: ${message}${path === undefined ? '' : `\n    at ${path}`}\n`)
}

// `temp-file-manager ls | head`: nobody reads on, which is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(process.exitCode ?? STATUS.done)
})
main(process.argv).then((status) => {
  process.exitCode = status
})
