// Directories that plain mkdtemp() programs left. Guarantee: one is deleted only if it belongs to the given user, is no
// root of this package, nothing in it changed for the given time, no file system is mounted in it and it is mounted
// nowhere, and no process uses it: open, mapped, as current or root directory, or bound to a socket in it. A process
// that cannot be inspected keeps everything, unless the caller allows it; that is possible only for directories of
// mode 0700. No link is followed, and where another user could exchange a directory after the check everything is kept.

import nodeFs, { readdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { findWeakness, type Weakness } from '../../disk/base-safety.ts'
import { joinPath } from '../../disk/paths.ts'
import { type RemoveReport, removeTree } from '../../disk/remove/remove.ts'
import { errnoOf } from '../../errors.ts'
import { randomText } from '../../layout.ts'
import { duration } from '../terminal.ts'
import { asUser } from './as-user.ts'
import { type ProcessUse, readProcessUse, unescapeOctal } from './process-use.ts'
import { liveSocket } from './sockets.ts'
import { isUtf8, type Tree, treeOf } from './tree.ts'

export interface Leftover {
  readonly path: string
  readonly action: 'kept' | 'would-remove' | 'removed'
  readonly reason: string
  /** It was to be removed, and some of it is left. */
  readonly failed?: true
}

export interface Search {
  readonly prefix: string
  /** A real path. */
  readonly directory: string
  readonly olderThanMs: number
  /** The user whose directories are looked at. */
  readonly uid: number | undefined
  /** Ignore processes that this user may not inspect, for directories that only their owner and root can enter. */
  readonly ignoreUninspectable: boolean
  readonly remove: boolean
}

/** One reading of /proc serves all directories that are judged within this time, in milliseconds. */
const FRESH_MS = 1000
/** Permissions of users other than the owner. */
const OTHERS = 0o077

/** Judges every entry of the directory that starts with the prefix, and deletes it if asked to. */
export async function judgeLeftovers(search: Search): Promise<Leftover[]> {
  const { directory } = search
  const names = readdirSync(directory, { encoding: 'buffer' })
    .filter((name) => name.subarray(0, search.prefix.length).toString() === search.prefix)
    .sort(Buffer.compare)
  const weakness = await asUser(search.uid, async () => findWeakness(nodeFs, directory))
  const processes = freshProcessUse()
  const results: Leftover[] = []
  for (const name of names) {
    const path = isUtf8(name) ? join(directory, name.toString()) : joinPath(directory, name)
    const judged =
      weakness === undefined ? await judge(path, search, processes) : exchangeable(path, weakness)
    results.push(judged.action === 'would-remove' && search.remove ? await end(path, judged, search) : judged)
  }
  return results
}

/** What is deleted is named by its path, where another user could put another directory, or a link. */
function exchangeable(path: string | Buffer, weakness: Weakness): Leftover {
  const whose = weakness.kind === 'owner' ? `belongs to uid ${weakness.uid}` : 'has no sticky bit'
  const reason = `another user could exchange it: ${weakness.path} ${whose}`
  return { path: path.toString(), action: 'kept', reason }
}

/** Reads /proc again once the last reading is no longer fresh: deleting the directories before takes time. */
function freshProcessUse(): () => ProcessUse {
  let last: { readonly at: number; readonly use: ProcessUse } | undefined
  return () => {
    const now = performance.now()
    if (last === undefined || now - last.at > FRESH_MS) last = { at: now, use: readProcessUse() }
    return last.use
  }
}

async function judge(path: string | Buffer, search: Search, processes: () => ProcessUse): Promise<Leftover> {
  const shown = path.toString()
  try {
    const tree = treeOf(path)
    const keep =
      reasonToKeep(shown, tree, search) ??
      reasonOfUse(shown, tree, search, processes()) ??
      (await liveSocket(tree.sockets))
    if (keep !== undefined) return { path: shown, action: 'kept', reason: keep }
    const ignored = processes().uninspected.length
    const others = ignored === 0 ? '' : ` (${ignored} not inspected)`
    const reason = `nothing in it changed for ${duration(search.olderThanMs)}, and no process uses it${others}`
    return { path: shown, action: 'would-remove', reason }
  } catch (error) {
    const reason = `it could not be inspected (${errnoOf(error) ?? String(error)})`
    return { path: shown, action: 'kept', reason }
  }
}

async function end(path: string | Buffer, judged: Leftover, search: Search): Promise<Leftover> {
  const { errors, kept } = await asUser(search.uid, () => remove(path, search))
  const failed = errors[0] === undefined ? kept[0]?.reason : errnoOf(errors[0].error)
  return failed === undefined
    ? { ...judged, action: 'removed' }
    : { ...judged, action: 'kept', reason: `it could not be removed completely (${failed})`, failed: true }
}

/** Deletes a tree. One whose own name is not UTF-8 is renamed first: a path of text does not lead to it. */
async function remove(
  path: string | Buffer,
  { directory, prefix }: Search,
): Promise<Pick<RemoveReport, 'errors' | 'kept'>> {
  if (typeof path === 'string') return await removeTree(nodeFs, path)
  const renamed = join(directory, `${prefix}renamed-${randomText(8)}`)
  try {
    renameSync(path, renamed)
  } catch (error) {
    return { errors: [{ path: renamed, error }], kept: [] }
  }
  return await removeTree(nodeFs, renamed)
}

/** The reason to keep the entry that lies in the entry itself. */
function reasonToKeep(path: string, tree: Tree, { uid, olderThanMs }: Search): string | undefined {
  const { top, latest } = tree
  if (top.isSymbolicLink()) return 'it is a symbolic link'
  if (!top.isDirectory()) return 'it is not a directory'
  if (uid !== undefined && top.uid !== BigInt(uid)) return `it belongs to another user (uid ${top.uid})`
  if (isRoot(path, tree)) return 'it is a root of this package: `sweep --root` judges what is in it'
  if (ownMounts().some(({ point }) => isInside(point, path))) return 'a file system is mounted in it'
  return latest + olderThanMs > Date.now() ? 'something in it changed too recently' : undefined
}

/** The rooms of a root: one that is as old as its last handoff still has handoffs that wait. */
const ROOMS = new Set(['sessions', 'handoffs', 'uploads', 'kept'])

/** Whether a directory is a root of a manager of this package, `<name>-<uid>`. */
function isRoot(path: string, { top, names }: Tree): boolean {
  return path.endsWith(`-${top.uid}`) && names.some((name) => ROOMS.has(name))
}

/** The reason to keep a directory that a process uses, or might use. */
function reasonOfUse(
  path: string,
  { top, identities }: Tree,
  { ignoreUninspectable }: Search,
  { files, mounts, uninspected }: ProcessUse,
): string | undefined {
  for (const identity of identities) {
    const user = files.get(identity)
    if (user !== undefined) return `in use by ${user}`
  }
  const place = placeOf(path)
  for (const [mounted, user] of mounts) if (isInside(mounted, place)) return `mounted by ${user}`
  const [first] = uninspected
  if (first === undefined) return undefined
  const why = `${first.process} cannot be inspected (${first.reason})`
  if (!ignoreUninspectable) {
    const asRoot = process.geteuid?.() === 0 ? '' : 'run this as root with --owner, or '
    return `${why}: ${asRoot}add --ignore-uninspectable if it cannot use this directory`
  }
  return (Number(top.mode) & OTHERS) === 0
    ? undefined
    : `${why}, and the directory's mode lets other users in`
}

/** Whether `path` is `directory` or is below it. */
function isInside(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`)
}

interface OwnMount {
  readonly device: string
  readonly root: string
  readonly point: string
}

function ownMounts(): OwnMount[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .map(([, , device = '', root = '', point = '']) => ({
      device,
      root: unescapeOctal(root),
      point: unescapeOctal(point),
    }))
}

/** A real path as {@link ProcessUse.mounts} names it: the device, and the path within its file system. */
function placeOf(path: string): string {
  const above = ownMounts().filter(({ point }) => point === '/' || isInside(path, point))
  const mount = above.sort((a, b) => b.point.length - a.point.length)[0]
  if (mount === undefined) throw new Error('its mount is not in /proc/self/mountinfo')
  return `${mount.device} ${join(mount.root, path.slice(mount.point === '/' ? 0 : mount.point.length))}`
}
