// `sweep --prefix`: directories that programs with plain mkdtemp() left, outside any root.

import { opendirSync, realpathSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { errnoOf } from '../../errors.ts'
import { forLog } from '../../input/names.ts'
import { durationOf, invalid, type Stage, textOf, type Values, writeJson } from '../command.ts'
import { STATUS } from '../exit-status.ts'
import { judgeLeftovers, type Leftover } from '../leftovers/leftovers.ts'
import { count, painter, type Style } from '../terminal.ts'

const ACTION: Readonly<Record<Leftover['action'], Style>> = {
  kept: 'dim',
  'would-remove': 'yellow',
  removed: 'green',
}

export async function sweepLeftovers(stage: Stage, values: Values): Promise<number> {
  const prefix = textOf(values, 'prefix')
  const within = textOf(values, 'in')
  if (prefix === undefined || within === undefined)
    throw invalid('prefix', '--prefix and --in belong together: --prefix my-app- --in /tmp.')
  if (!/^[\w@+.,~-]{3,}$/.test(prefix) || prefix.startsWith('..'))
    throw invalid('prefix', '--prefix must be the start of a file name with at least 3 characters.')
  for (const name of ['root', 'name', 'base-dir', 'remove-unknown-after', 'kept'])
    if (values[name] !== undefined) throw invalid(name, `--${name} cannot be combined with --prefix.`)
  const directory = directoryOf(within)
  const remove = values['delete'] === true && values['dry-run'] !== true
  const olderThanMs = durationOf(textOf(values, 'older-than') ?? '1d', '--older-than')
  const uid = ownerOf(textOf(values, 'owner'))
  const ignoreUninspectable = values['ignore-uninspectable'] === true
  const leftovers = await judgeLeftovers({ prefix, directory, olderThanMs, uid, ignoreUninspectable, remove })
  if (values['json'] === true) writeJson(stage, { dryRun: !remove, leftovers })
  else print(stage, leftovers, remove)
  return leftovers.some(({ failed }) => failed) ? STATUS.attention : STATUS.done
}

/** The real path of the directory to look in. An empty text would be the current directory: a variable that is not set. */
function directoryOf(text: string): string {
  if (text === '') throw invalid('in', '--in must name a directory, such as /tmp: it is empty.')
  try {
    const directory = realpathSync(resolve(text))
    if (statSync(directory).isDirectory()) {
      opendirSync(directory).closeSync()
      return directory
    }
  } catch (error) {
    throw invalid('in', `--in must name a directory that can be read: the system reported ${errnoOf(error)}.`)
  }
  throw invalid('in', '--in must name a directory: it is a file.')
}

/** (uid_t) -1, which names no user (chown(2)). */
const NO_USER = 0xffff_ffff

/** The user whose directories are swept: the caller, unless root names another one. */
function ownerOf(text: string | undefined): number | undefined {
  const own = process.geteuid?.()
  if (text === undefined) return own
  const uid = Number(text)
  if (!/^\d+$/.test(text) || uid >= NO_USER)
    throw invalid('owner', '--owner must be a numeric user id, as `id -u NAME` prints it.')
  if (own !== 0 && uid !== own) throw invalid('owner', '--owner needs root: run this with sudo.')
  return uid
}

function print(stage: Stage, leftovers: readonly Leftover[], remove: boolean): void {
  const paint = painter(stage.stdout)
  for (const { path, action, reason } of leftovers)
    stage.stdout.write(`${paint(ACTION[action], action.padEnd(12))}  ${forLog(path)}: ${reason}\n`)
  const acted = leftovers.filter(({ action }) => action !== 'kept').length
  const kept = leftovers.length - acted
  const verb = remove ? 'removed' : 'would remove'
  const next = remove || acted === 0 ? '' : '. Add --delete to remove them'
  stage.stdout.write(`${verb} ${acted}, kept ${count(kept, 'entry', 'entries')}${next}\n`)
}
