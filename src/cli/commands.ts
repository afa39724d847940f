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
      description: "with --prefix: only directories in which nothing changed for this long (default: '1d')",
    },
    { name: 'delete', description: 'with --prefix: delete what a dry run reports' },
    {
      name: 'owner',
      value: 'uid',
      description:
        'with --prefix, for root: sweep the directories of this user, and delete with the rights of this user',
    },
    {
      name: 'ignore-uninspectable',
      description:
        'with --prefix: also delete when processes exist that this user may not inspect, for example those of root. Only for directories of mode 0700, which no user but you and root can enter',
    },
    ...ROOT_OPTIONS,
  ],
  run: sweep,
}

/** A command for one handoff. */
function ticketCommand(spec: Pick<CommandSpec, 'name' | 'summary' | 'page' | 'run'>): CommandSpec {
  return {
    ...spec,
    usage: '[options] TICKET',
    operands: [['TICKET', 'the return value of handOff()']],
    options: ROOT_OPTIONS,
  }
}

const INSPECTING = ticketCommand({
  name: 'inspect',
  summary: 'show one handoff without claiming it',
  page: INSPECT,
  run: inspect,
})

const RETRYING = ticketCommand({
  name: 'retry',
  summary: 'make a dead letter claimable again',
  page: RETRY,
  run: retry,
})

const DISCARDING = ticketCommand({
  name: 'discard',
  summary: 'delete one handoff, a dead letter or not',
  page: DISCARD,
  run: discard,
})

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
    {
      name: 'keep-on-failure',
      description:
        "move the directory of a program that fails to the root's kept/, with the reason, and print its path",
    },
    {
      name: 'keep-count',
      value: 'number',
      description: 'with --keep-on-failure: keep so many failures, the newest (default: 3)',
    },
    {
      name: 'keep-age',
      value: 'duration',
      description:
        "with --keep-on-failure: remove what was kept for longer, for example '7d' (default: no limit)",
    },
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
