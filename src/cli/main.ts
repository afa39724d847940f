#!/usr/bin/env node

// The entry of the command line: reads the words, runs the command, reports its failure. Guarantee: standard output
// holds the answer and nothing else (one document with --json, also for a failure), and every way out has a
// documented exit status.

import { readFileSync } from 'node:fs'
import { messageOf } from '../errors.ts'
import { isTempFileError } from '../index.ts'
import { commandOf, parseWords, UsageError } from './arguments.ts'
import { type Stage, writeJson } from './command.ts'
import { COMMANDS } from './commands.ts'
import { STATUS, statusOf } from './exit-status.ts'
import { manualOf, programManual } from './manual.ts'
import { painter } from './terminal.ts'

const interruption = new AbortController()
const stage: Stage = { stdout: process.stdout, stderr: process.stderr, signal: interruption.signal }

async function main([word, ...rest]: readonly string[]): Promise<number> {
  try {
    if (word === '--help' || word === '-h') return answer(programManual(COMMANDS, painter(stage.stdout)))
    if (word === '--version' || word === '-V') return answer(`${version()}\n`)
    const command = commandOf(COMMANDS, word)
    const { values, operands } = parseWords(command, rest)
    if (values['help'] === true) return answer(manualOf(command, painter(stage.stdout)))
    if (command.name === 'sweep') stopOnInterrupt()
    return await command.run(stage, values, operands)
  } catch (error) {
    if (error instanceof UsageError) {
      const manual = error.command === undefined ? '' : ` ${error.command.name}`
      stage.stderr.write(`temp-file-manager: ${error.message} See temp-file-manager${manual} --help.\n`)
      return STATUS.usage
    }
    reportFailure(error, rest.includes('--json'))
    return interruption.signal.aborted ? STATUS.interrupted : statusOf(error)
  }
}

function answer(text: string): number {
  stage.stdout.write(text)
  return STATUS.done
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  const { version: found } = JSON.parse(text) as { version: string } // the package's own file
  return found
}

/** The first SIGINT stops the sweep between two entries, the second one at once. */
function stopOnInterrupt(): void {
  // `on`, not `once`: signal-exit, which proper-lockfile loads, counts listeners and would raise the signal again.
  process.on('SIGINT', () => {
    if (interruption.signal.aborted) process.exit(STATUS.interrupted)
    interruption.abort()
  })
}

function reportFailure(error: unknown, json: boolean): void {
  const known = isTempFileError(error) ? error : undefined
  const message = messageOf(error)
  const { code, path } = known ?? {}
  if (json) writeJson(stage, { error: { code, message, path } })
  else stage.stderr.write(`temp-file-manager: ${message}${path === undefined ? '' : `\n    at ${path}`}\n`)
}

// Node's own text of a warning names the process and its flags.
process.removeAllListeners('warning')
process.on('warning', ({ message, ...more }) => {
  const detail = 'detail' in more && typeof more.detail === 'string' ? `\n    ${more.detail}` : ''
  stage.stderr.write(`temp-file-manager: ${message}${detail}\n`)
})
// `temp-file-manager ls | head`: a reader that stops early is not a failure, a disk that is full is.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(process.exitCode ?? STATUS.done)
  stage.stderr.write(`temp-file-manager: could not write to standard output (${error.code})\n`)
  process.exit(STATUS.attention)
})
// There is nowhere to report it, and the exit status must stay: for `run` it is that of the program.
process.stderr.on('error', () => {})
main(process.argv.slice(2)).then((status) => {
  process.exitCode = status
})
