// strace's lines and the seam's calls in the same words. Guarantee: each call of the seam is mapped to the system
// calls that Node makes for it, no more, and each system call below the ground is named by its kind.

import { resolveDescriptor } from '../fixtures/descriptor-path.ts'
import type { Ground } from './preparing.ts'
import type { SeamCall } from './seam.ts'

const KINDS: Readonly<Record<string, string>> = {
  openat: 'open',
  close: 'close',
  read: 'read',
  pread64: 'read',
  write: 'write',
  pwrite64: 'write',
  writev: 'write',
  fsync: 'fsync',
  fdatasync: 'fsync',
  statx: 'stat',
  stat: 'stat',
  lstat: 'stat',
  fstat: 'stat',
  newfstatat: 'stat',
  rename: 'rename',
  link: 'link',
  unlink: 'unlink',
  rmdir: 'rmdir',
  mkdir: 'mkdir',
  chmod: 'chmod',
  fchmod: 'chmod',
  utimensat: 'utimes',
  access: 'access',
  statfs: 'statfs',
}

/** Changes the disk or asks it for a promise: the calls between which a kill makes a difference. */
export const CHANGING =
  'mkdir,rmdir,rename,link,unlink,chmod,fchmod,utimensat,fsync,pwrite64,write,openat,close'.split(',')

export interface Syscall {
  readonly name: string
  readonly kind: string
  readonly path: string
}

/** The system calls between the two markers, on paths below the ground. */
export function syscallsOf(lines: readonly string[], ground: Ground, begin: string, end: string): Syscall[] {
  const found: Syscall[] = []
  const opened = new Map<number, string>()
  const uses = new Map<string, Use>()
  let inside = false
  for (const line of joined(lines)) {
    if (line.includes(begin)) inside = true
    if (line.includes(end)) break
    const [, given, of] = /^\d+ +openat\(.* = (\d+)<([^>]*)>/.exec(line) ?? []
    if (given !== undefined && of !== undefined) opened.set(Number(given), of)
    const match = /^\d+ +(\w+)\((.*)/.exec(line)
    if (!inside || match === null) continue
    const [, name = '', rest = ''] = match
    const descriptor = /^(\d+)</.exec(rest)?.[1] ?? ''
    if (name === 'getdents64') uses.get(descriptor)?.list()
    const kind = KINDS[name]
    const path = resolveDescriptor(pathOf(rest) ?? '', opened)
    if (kind === undefined || !isBelow(ground, path)) continue
    // libuv's own, when the lease's socket is closed: no call of node:fs.
    if (name === 'unlink' && /\/\.l-[0-9a-z]+$/.test(path)) continue
    const syscall = { name, kind, path }
    if (OPENDIR_FAILED.test(line)) syscall.kind = 'readdir'
    if (name === 'openat' && given !== undefined) uses.set(given, new Use(syscall))
    else uses.get(descriptor)?.add(syscall)
    if (name === 'close') uses.delete(descriptor)
    found.push(syscall)
  }
  return found.filter(({ kind }) => kind !== PART_OF_LISTING)
}

const PART_OF_LISTING = ''
/** The C library's opendir: other directories are opened with O_NOFOLLOW. */
const OPENDIR_FAILED = / openat\(.*O_RDONLY\|O_NONBLOCK\|O_CLOEXEC\|O_DIRECTORY\) += -1 /

/** One descriptor from its open to its close: open, fstat, getdents and close of a listing are one call of the seam. */
class Use {
  readonly #open: Recorded
  readonly #others: Recorded[] = []
  #lists = false

  constructor(open: Recorded) {
    this.#open = open
  }

  add(syscall: Recorded): void {
    if (this.#lists) syscall.kind = PART_OF_LISTING
    this.#others.push(syscall)
  }

  /** Its directory is read. */
  list(): void {
    this.#lists = true
    this.#open.kind = 'readdir'
    for (const syscall of this.#others) syscall.kind = PART_OF_LISTING
  }
}

type Recorded = { -readonly [Key in keyof Syscall]: Syscall[Key] }

/** Calls that another thread's call interrupted, in one piece. */
function* joined(lines: readonly string[]): Generator<string, void, void> {
  const halves = new Map<string, string>()
  for (const line of lines) {
    const [thread = ''] = line.split(' ', 1)
    const resumed = /<\.\.\. \w+ resumed>(.*)$/.exec(line)
    if (line.endsWith(' <unfinished ...>')) halves.set(thread, line.slice(0, -' <unfinished ...>'.length))
    else if (resumed === null) yield line
    else yield `${halves.get(thread) ?? ''}${resumed[1] ?? ''}`
  }
}

/** libuv's own copying: both files opened, looked at and closed, the mode set; from Node 22 on the times too. */
const COPY = ['open', 'stat', 'open', 'stat', 'chmod', 'close', 'close']
if (Number(process.versions.node.split('.', 1)[0]) >= 22) COPY.push('utimes')

/** The system calls that Node makes for one call of node:fs. */
export function expand(call: SeamCall, ground: Ground): string[] {
  const { name, path } = call
  if (name === 'lstat' || name === 'fstat' || name === 'stat') return ['stat']
  if (name === 'opendir' || name === 'readdir') return ['readdir']
  if (name === 'fchmod') return ['chmod']
  if (name === 'futimes' || name === 'lutimes') return ['utimes']
  if (name === 'fdatasync') return ['fsync']
  if (name === 'copyFile') return COPY
  // realpathSync looks at each directory on the way; the promise is the C library's readlink.
  if (name === 'realpath')
    return call.waits === true
      ? []
      : path
          .slice((path.startsWith(ground.far) ? ground.far : ground.base).length)
          .split('/')
          .map(() => 'stat')
  return [name]
}

export function tally(kinds: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const kind of [...kinds].sort()) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}

function pathOf(rest: string): string | undefined {
  return /^(?:AT_FDCWD(?:<[^>]*>)?, )?"([^"]*)"/.exec(rest)?.[1] ?? /^\d+<([^>]*)>/.exec(rest)?.[1]
}

function isBelow(ground: Ground, path: string): boolean {
  return [ground.base, ground.far].some((top) => path === top || path.startsWith(`${top}/`))
}
