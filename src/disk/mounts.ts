// The mount table: it shows where other file systems begin. Guarantee: a table is a snapshot of what the kernel shows this
// process; `below` leaves no mount out (it may name one that a later mount hides), and `of` names the one a path is on. A
// table that could not be read is never an empty one: it carries the reason.

import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { errnoOf } from '../errors.ts'
import { platform } from '../platform/index.ts'
import type { FileSystem } from './file-system.ts'
import { pathsDownTo } from './paths.ts'

/** A snapshot of the mounts, as paths were at that moment: after a rename of a directory that holds a mount, read again. */
export interface MountTable {
  /** Set where this system has a table that could not be read; `below` and `of` then know nothing. */
  readonly unread?: UnreadTable | undefined
  /** The mount points at or below an absolute real path. */
  below(path: string): string[]
  /** The mount that an absolute real path lies on; undefined where the table is empty. */
  of(path: string): { fsType: string; upperDir: string | undefined; mountPoint: string } | undefined
}

/** The reason why a mount table could not be read. */
export interface UnreadTable {
  readonly error: unknown
  /** Another attempt may succeed (out of descriptors or memory); otherwise /proc is missing, masked or forbidden. */
  readonly passing: boolean
}

interface Mount {
  readonly id: string
  readonly parent: string
  readonly mountPoint: string
  readonly fsType: string
  readonly upperDir: string | undefined
}

const PASSING = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'EINTR', 'EIO'])

// Mounts change rarely and every removal needs them: the parsed table is kept until the text differs.
let last: { readonly text: string; readonly table: MountTable } | undefined

/** The table of this process; empty where the system has none. Never throws: see {@link MountTable.unread}. */
export function readMounts(): MountTable {
  const { mountTable } = platform()
  if (mountTable === undefined) return parseMounts('')
  try {
    const text = readFileSync(mountTable, 'utf8')
    if (text !== last?.text) last = { text, table: parseMounts(text) }
    return { ...last.table } // a snapshot of its own, see remove.ts
  } catch (error) {
    return { ...parseMounts(''), unread: { error, passing: PASSING.has(errnoOf(error) ?? '') } }
  }
}

/** For how long {@link recentMounts} uses a table again: as long as one slice of a sweep takes (slice.ts). */
const RECENT_MS = 5
let recent: { readonly at: number; readonly directory: string; readonly table: MountTable } | undefined
/** The real clock: with a test's frozen one a table would never expire. `performance` would load node:perf_hooks (1 ms) at import. */
const { hrtime } = process

/**
 * As {@link readMounts}, for thousands of removals in a row below `directory`: where nothing is mounted below it,
 * no rename below it moves a mount, so a table a few milliseconds old is as true as one just read. Reading it for
 * each removal and judgement took a fifth of a sweep.
 */
export function recentMounts(fs: FileSystem, directory: string): MountTable {
  const now = Number(hrtime.bigint()) / 1e6
  if (recent?.directory === directory && now - recent.at < RECENT_MS) return recent.table
  const table = readMounts()
  recent = isClear(fs, directory, table) ? { at: now, directory, table } : undefined
  return table
}

function isClear(fs: FileSystem, directory: string, table: MountTable): boolean {
  if (table.unread !== undefined) return false
  try {
    return table.below(fs.realpathSync(directory).toString()).every((point) => point === directory)
  } catch {
    return false
  }
}

/** A table from the text of a mountinfo file (proc_pid_mountinfo(5)). */
export function parseMounts(text: string): MountTable {
  const mounts: Mount[] = []
  for (const line of text.split('\n')) {
    const mount = parseLine(line)
    if (mount !== undefined) mounts.push(mount)
  }
  const points = [...new Set(mounts.map((mount) => mount.mountPoint))]
  let tree: MountTree | undefined // built on demand: a removal only needs `below`
  let last: { readonly directory: string; readonly mount: Mount | undefined } | undefined
  return {
    below: (path) => {
      const inside = path.endsWith('/') ? path : `${path}/`
      return points.filter((point) => point === path || point.startsWith(inside))
    },
    of: (path) => {
      tree ??= treeOf(mounts)
      if (points.includes(path)) return mountOf(tree, path)
      // Nothing is mounted on it: it is where its directory is, which a sweep's thousand sessions share.
      const directory = dirname(path)
      if (last?.directory !== directory) last = { directory, mount: mountOf(tree, directory) }
      return last.mount
    },
  }
}

// 36 35 98:0 /root /mount\040point rw,noatime master:1 - overlay overlay rw,lowerdir=...,upperdir=...
function parseLine(line: string): Mount | undefined {
  const split = line.indexOf(' - ')
  if (split === -1) return undefined
  const [id, parent, , , mountPoint] = line.slice(0, split).split(' ')
  const [fsType, , superOptions = ''] = line.slice(split + 3).split(' ')
  if (id === undefined || parent === undefined || mountPoint === undefined || fsType === undefined)
    return undefined
  // Decoded after the split: a comma in the directory's name is written as \054.
  const upper = superOptions.split(',').find((option) => option.startsWith('upperdir='))
  return {
    id,
    parent,
    mountPoint: decodeOctal(mountPoint),
    fsType: decodeOctal(fsType),
    upperDir: upper === undefined ? undefined : decodeOctal(upper.slice('upperdir='.length)),
  }
}

/** The kernel writes space, tab, newline, backslash and (in options) comma, '=' and '#' as three octal digits. */
function decodeOctal(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  )
}

/**
 * Walks the path as the kernel does, from mount to mount by parent id: a mount under a directory that was
 * mounted over later is in the table but not on the path. On one point the last mount wins, being the child
 * of the one before it.
 */
function mountOf({ mounts, root, children }: MountTree, path: string): Mount | undefined {
  // In a chroot whose root is no mount point there is no first mount to walk from.
  if (root === undefined) return longestPrefix(mounts, path)
  let current: Mount = root
  for (const prefix of pathsDownTo(path)) {
    for (let over = children.get(`${current.id} ${prefix}`); over !== undefined && over !== current; ) {
      current = over
      over = children.get(`${current.id} ${prefix}`)
    }
  }
  return current
}

interface MountTree {
  readonly mounts: readonly Mount[]
  readonly root: Mount | undefined
  /** By '<parent id> <mount point>'. */
  readonly children: ReadonlyMap<string, Mount>
}

function treeOf(mounts: readonly Mount[]): MountTree {
  const ids = new Set(mounts.map((mount) => mount.id))
  const root = mounts.find(
    (mount) => mount.mountPoint === '/' && (mount.parent === mount.id || !ids.has(mount.parent)),
  )
  const children = new Map(mounts.map((mount) => [`${mount.parent} ${mount.mountPoint}`, mount]))
  return { mounts, root, children }
}

function longestPrefix(mounts: readonly Mount[], path: string): Mount | undefined {
  let best: Mount | undefined
  for (const mount of mounts) {
    const { mountPoint } = mount
    const holds = mountPoint === '/' || path === mountPoint || path.startsWith(`${mountPoint}/`)
    if (holds && (best === undefined || mountPoint.length >= best.mountPoint.length)) best = mount
  }
  return best
}
