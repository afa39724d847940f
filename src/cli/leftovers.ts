// Directories that plain mkdtemp() programs left. Guarantee: one is deleted only if its user is ours, nothing in it
// changed for the given time, no file system is mounted in it, and every process of the machine could be inspected and
// none has it open, mapped, or as its current or root directory. No link is followed.

import nodeFs, { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { removeTree } from '../disk/remove/remove.ts'
import { errnoOf } from '../errors.ts'
import { forLog } from '../input/names.ts'

export interface Leftover {
  readonly path: string
  readonly action: 'kept' | 'would-remove' | 'removed'
  readonly reason: string
}

export interface Search {
  readonly prefix: string
  readonly directory: string
  readonly olderThanMs: number
  readonly remove: boolean
}

/** Judges every entry of the directory that starts with the prefix, and deletes it if asked to. */
export async function judgeLeftovers({
  prefix,
  directory,
  olderThanMs,
  remove,
}: Search): Promise<Leftover[]> {
  const paths = readdirSync(directory)
    .filter((name) => name.startsWith(prefix))
    .sort()
    .map((name) => join(resolve(directory), name))
  const results: Leftover[] = []
  for (const path of paths) {
    // Looked at again for each one: deleting the one before may have taken a while.
    const reason = reasonToKeep(path, olderThanMs)
    results.push(
      reason === undefined ? await end(path, olderThanMs, remove) : { path, action: 'kept', reason },
    )
  }
  return results
}

async function end(path: string, olderThanMs: number, remove: boolean): Promise<Leftover> {
  const reason = `nothing in it changed for ${Math.round(olderThanMs / 60_000)} minutes, and no process uses it`
  if (!remove) return { path, action: 'would-remove', reason }
  const { errors, kept } = await removeTree(nodeFs, path)
  const failed = errors[0] === undefined ? kept[0]?.reason : errnoOf(errors[0].error)
  return failed === undefined
    ? { path, action: 'removed', reason }
    : { path, action: 'kept', reason: `could not be removed completely (${failed})` }
}

function reasonToKeep(path: string, olderThanMs: number): string | undefined {
  try {
    const stats = lstatSync(path)
    if (stats.isSymbolicLink()) return 'is a symbolic link'
    if (!stats.isDirectory()) return 'is not a directory'
    if (stats.uid !== process.geteuid?.()) return `belongs to another user (uid ${stats.uid})`
    if (mountedUnder(path)) return 'a file system is mounted in it'
    const young = youngest(path) + olderThanMs - Date.now()
    if (young > 0) return 'something in it changed too recently'
    return userOf(path)
  } catch (error) {
    return `could not be inspected (${errnoOf(error) ?? String(error)})`
  }
}

function isInside(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`)
}

function mountedUnder(path: string): boolean {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .some((line) => isInside(unescapeOctal(line.split(' ')[4] ?? ''), path))
}

/** mountinfo and maps write a space as \040. */
function unescapeOctal(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  )
}

/** The latest change of anything in the tree, in milliseconds since 1970. */
function youngest(path: string): number {
  const stats = lstatSync(path)
  let latest = Math.max(stats.mtimeMs, stats.ctimeMs)
  if (stats.isDirectory())
    for (const name of readdirSync(path)) latest = Math.max(latest, youngest(join(path, name)))
  return latest
}

/** Which process uses the directory, or cannot be inspected; undefined when none does. */
function userOf(path: string): string | undefined {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (uses(pid, path)) return `in use by process ${pid} (${nameOf(pid)})`
    } catch (error) {
      const errno = errnoOf(error)
      if (errno === 'ENOENT' || errno === 'ESRCH') continue // it has ended
      return `process ${pid} (${nameOf(pid)}) cannot be inspected (${errno}): run this as root`
    }
  }
  return undefined
}

function uses(pid: string, path: string): boolean {
  const proc = join('/proc', pid)
  for (const link of ['cwd', 'root']) if (isInside(target(join(proc, link)), path)) return true
  for (const fd of readdirSync(join(proc, 'fd')))
    if (isInside(target(join(proc, 'fd', fd)), path)) return true
  return readFileSync(join(proc, 'maps'), 'utf8')
    .split('\n')
    .some((line) => isInside(unescapeOctal(line.slice(line.indexOf('/'))), path))
}

/** Where a link of /proc leads; '' for a descriptor that was closed meanwhile. */
function target(link: string): string {
  try {
    return readlinkSync(link)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return ''
    throw error
  }
}

function nameOf(pid: string): string {
  try {
    return forLog(readFileSync(join('/proc', pid, 'comm'), 'utf8').trim())
  } catch {
    return '?'
  }
}
