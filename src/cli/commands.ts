// The commands of the program: names, options and manual pages in one table, from which the parser, `--help` and the
// shell completions are made.

import { type CommandSpec, ROOT_OPTIONS } from './command.ts'
import { completion } from './commands/completion-command.ts'
import { inspect } from './commands/inspect-command.ts'
import { discard, retry } from './commands/letter-commands.ts'
import { ls } from './commands/ls-command.ts'
import { run } from './commands/run-command.ts'
import { sweep } from './commands/sweep-command.ts'
import { doctor } from './doctor/doctor.ts'
import { COMPLETION, DISCARD, DOCTOR, INSPECT, LS, RETRY, RUN, SWEEP } from './pages.ts'

const LISTING: CommandSpec = {
  name: 'ls',
  summary: 'list sessions and handoffs',
  usage: '[options]',
  page: LS,
  operands: [],
  options: ROOT_OPTIONS,
  run: ls,
}

const SWEEPING: CommandSpec = {
  name: 'sweep',
  summary: 'remove what dead processes left, and expired handoffs',
  usage: '[options]',
  page: SWEEP,
  operands: [],
  options: [
    { name: 'dry-run', short: 'n', description: 'only report what would be removed' },
    { name: 'kept', description: 'also remove what `preserve` left in kept/ for debugging' },
    {
      name: 'remove-unknown-after',
      value: 'duration',
      description:
        "also remove a session that nothing proves dead, once its owner has not touched it for this long: '24h'. An owner that is alive but suspended, or on another host, loses its files",
    },
    {
      name: 'prefix',
      value: 'text',
      description:
        'instead of a root, look at directories whose names start with this text: the leftovers of programs that use mkdtemp(). Needs --in. It is a dry run unless --delete is given',
    },
    { name: 'in', value: 'path', description: 'with --prefix: the directory to look in, for example /tmp' },
    {
      name: 'older-than',
      value: 'duration',
      description: "with --prefix: only what nothing in it was changed for this long (default: '1d')",
    },
    { name: 'delete', description: 'with --prefix: delete what a dry run reports' },
    ...ROOT_OPTIONS,
  ],
  run: sweep,
}

const INSPECTING: CommandSpec = {
  name: 'inspect',
  summary: 'show one handoff without claiming it',
  usage: '[options] TICKET',
  page: INSPECT,
  operands: [['TICKET', 'the return value of handOff()']],
  options: ROOT_OPTIONS,
  run: inspect,
}

const RETRYING: CommandSpec = {
  name: 'retry',
  summary: 'make a dead letter claimable again',
  usage: '[options] TICKET',
  page: RETRY,
  operands: [['TICKET', 'the return value of handOff()']],
  options: ROOT_OPTIONS,
  run: retry,
}

const DISCARDING: CommandSpec = {
  name: 'discard',
  summary: 'delete one handoff, a dead letter or not',
  usage: '[options] TICKET',
  page: DISCARD,
  operands: [['TICKET', 'the return value of handOff()']],
  options: ROOT_OPTIONS,
  run: discard,
}

const DIAGNOSIS: CommandSpec = {
  name: 'doctor',
  summary: 'check the base directory and recommend changes',
  usage: '[options]',
  page: DOCTOR,
  operands: [],
  options: ROOT_OPTIONS,
  run: doctor,
}

const RUNNING: CommandSpec = {
  name: 'run',
  summary: 'run a program with a temp directory of its own',
  usage: '[options] -- COMMAND [ARGUMENT...]',
  page: RUN,
  operands: [['COMMAND', 'the program to run; words after it are its arguments']],
  options: [
    ...ROOT_OPTIONS.filter(({ name }) => name === 'name' || name === 'base-dir'),
    { name: 'keep-on-failure', description: 'keep the directory when the program fails, and print its path' },
  ],
  passesOn: true,
  run,
}

const COMPLETING: CommandSpec = {
  name: 'completion',
  summary: 'print a completion script for bash or zsh',
  usage: 'SHELL',
  page: COMPLETION,
  operands: [['SHELL', 'bash or zsh']],
  options: [],
  run: (stage, _values, [shell]) => completion(stage, shell ?? '', COMMANDS),
}

export const COMMANDS: readonly CommandSpec[] = [
  LISTING,
  SWEEPING,
  INSPECTING,
  RETRYING,
  DISCARDING,
  DIAGNOSIS,
  RUNNING,
  COMPLETING,
]
