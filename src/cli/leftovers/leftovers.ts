// Directories that plain mkdtemp() programs left. Guarantee: one is deleted only if it belongs to the given user, nothing
// in it changed for the given time, no file system is mounted in it and it is mounted nowhere, and no process uses it:
// open, mapped, or as current or root directory. A process that cannot be inspected keeps everything, unless
// the caller allows it; that is possible only for directories of mode 0700. No link is followed.

import nodeFs, { type BigIntStats, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { removeTree } from '../../disk/remove/remove.ts'
import { errnoOf } from '../../errors.ts'
import { duration } from '../terminal.ts'
import { identityOf, type ProcessUse, readProcessUse, unescapeOctal } from './process-use.ts'

export interface Leftover {
  readonly path: string
  readonly action: 'kept' | 'would-remove' | 'removed'
  readonly reason: string
}

export interface Search {
  readonly prefix: string
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
  const directory = nodeFs.realpathSync(resolve(search.directory))
  const paths = readdirSync(directory)
    .filter((name) => name.startsWith(search.prefix))
    .sort()
    .map((name) => join(directory, name))
  const processes = freshProcessUse()
  const results: Leftover[] = []
  for (const path of paths) {
    const judged = judge(path, search, processes)
    results.push(judged.action === 'would-remove' && search.remove ? await end(judged, search) : judged)
  }
  return results
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

function judge(path: string, search: Search, processes: () => ProcessUse): Leftover {
  try {
    const tree = treeOf(path)
    const keep = reasonToKeep(path, tree, search) ?? reasonOfUse(path, tree, search, processes())
    if (keep !== undefined) return { path, action: 'kept', reason: keep }
    const ignored = processes().uninspected.length
    const others = ignored === 0 ? '' : ` (${ignored} not inspected)`
    const reason = `nothing in it changed for ${duration(search.olderThanMs)}, and no process uses it${others}`
    return { path, action: 'would-remove', reason }
  } catch (error) {
    return {
      path,
      action: 'kept',
      reason: `it could not be inspected (${errnoOf(error) ?? String(error)})`,
    }
  }
}

async function end({ path, reason }: Leftover, { uid }: Search): Promise<Leftover> {
  const { errors, kept } = await asUser(uid, () => removeTree(nodeFs, path))
  const failed = errors[0] === undefined ? kept[0]?.reason : errnoOf(errors[0].error)
  return failed === undefined
    ? { path, action: 'removed', reason }
    : { path, action: 'kept', reason: `it could not be removed completely (${failed})` }
}

/** Runs `work` with the rights of `uid`: root deletes nothing that this user could not delete. */
async function asUser<T>(uid: number | undefined, work: () => Promise<T>): Promise<T> {
  const before = process.geteuid?.()
  if (uid === undefined || before === undefined || uid === before) return await work()
  process.seteuid?.(uid)
  try {
    return await work()
  } finally {
    process.seteuid?.(before)
  }
}

/** Why the entry itself is kept. */
function reasonToKeep(path: string, { top, latest }: Tree, { uid, olderThanMs }: Search): string | undefined {
  if (top.isSymbolicLink()) return 'it is a symbolic link'
  if (!top.isDirectory()) return 'it is not a directory'
  if (uid !== undefined && top.uid !== BigInt(uid)) return `it belongs to another user (uid ${top.uid})`
  if (ownMounts().some(({ point }) => isInside(point, path))) return 'a file system is mounted in it'
  return latest + olderThanMs > Date.now() ? 'something in it changed too recently' : undefined
}

/** Which process uses the directory, or might. */
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
  if (!ignoreUninspectable)
    return `${why}: run this as root with --owner, or add --ignore-uninspectable if it cannot use this directory`
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

interface Tree {
  readonly top: BigIntStats
  /** Device and inode of everything in it. */
  readonly identities: string[]
  /** The latest change of anything in it, in milliseconds since 1970. */
  latest: number
}

/** Everything in a tree. Never follows a link. Throws the system's error. */
function treeOf(path: string): Tree {
  const tree: Tree = { top: lstatSync(path, { bigint: true }), identities: [], latest: 0 }
  const directories: string[] = []
  const visit = (each: string, stats: BigIntStats): void => {
    tree.identities.push(identityOf(stats))
    tree.latest = Math.max(tree.latest, Number(stats.mtimeMs), Number(stats.ctimeMs))
    if (stats.isDirectory()) directories.push(each)
  }
  visit(path, tree.top)
  for (let directory = directories.pop(); directory !== undefined; directory = directories.pop())
    for (const name of readdirSync(directory)) {
      const child = join(directory, name)
      visit(child, lstatSync(child, { bigint: true }))
    }
  return tree
}
