// The paths that processes of this machine use: open files, current and root directories, mapped files, mounts with what
// lies below them (the layers of an overlay, the image of a loop device). Guarantee: files are compared by device and inode,
// so another mount namespace or a rename hides no use; each thread is asked, for it can have descriptors and directories
// of its own; a process that cannot be inspected is listed and never taken for one that uses nothing.

import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { errnoOf } from '../../errors.ts'
import { forLog } from '../../input/names.ts'

/** A process, and why it cannot be inspected. */
export interface Uninspected {
  readonly process: string
  readonly reason: string
}

/** One reading of /proc. */
export interface ProcessUse {
  /** Device and inode, as {@link identityOf}, to the process that uses it. */
  readonly files: ReadonlyMap<string, string>
  /** Directories that are mounted somewhere: 'device path' within their file system, to a process that sees the mount. */
  readonly mounts: ReadonlyMap<string, string>
  readonly uninspected: readonly Uninspected[]
}

interface Found {
  readonly files: Map<string, string>
  readonly mounts: Map<string, string>
  readonly uninspected: Uninspected[]
}

/** Of /proc/<pid>/stat: a kernel thread; it has no descriptors and no directory of its own. */
const PF_KTHREAD = 0x00200000

/** Device and inode of a file as one text. */
export function identityOf({ dev, ino }: { readonly dev: bigint; readonly ino: bigint }): string {
  return `${dev}:${ino}`
}

/** Reads what every process uses. Throws the system's error where there is no /proc. */
export function readProcessUse(proc = '/proc'): ProcessUse {
  const found: Found = { files: new Map(), mounts: new Map(), uninspected: [] }
  if (hidesProcesses(readFileSync(join(proc, 'self/mountinfo'), 'utf8'), proc, process.geteuid?.()))
    found.uninspected.push({
      process: 'the processes of other users',
      reason: '/proc is mounted with hidepid',
    })
  for (const pid of readdirSync(proc).filter((name) => /^\d+$/.test(name))) {
    const directory = join(proc, pid)
    try {
      readProcess(directory, describe(directory, pid), found)
    } catch (error) {
      const errno = errnoOf(error)
      if (hasEnded(errno)) continue
      found.uninspected.push({ process: describe(directory, pid), reason: errno ?? String(error) })
    }
  }
  readLoopDevices(found.files)
  return found
}

function hasEnded(errno: string | undefined): boolean {
  return errno === 'ENOENT' || errno === 'ESRCH'
}

/** Whether processes of other users are invisible to a user. Root always sees them. */
export function hidesProcesses(mountinfo: string, proc: string, uid: number | undefined): boolean {
  const line = mountinfo.split('\n').find((each) => each.split(' ')[4] === proc)
  return uid !== 0 && /\bhidepid=(?!0|off)/.test(line ?? '')
}

/** A thread that has ended, which the first one of a process may have before the others, or a thread of the kernel. */
function hasNothingOpen(stat: string): boolean {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' || fields[0] === 'X' || (Number(fields[6]) & PF_KTHREAD) !== 0
}

/** What has been read of one process: its threads share nearly everything. */
type Seen = Set<string>

function readProcess(directory: string, who: string, found: Found): void {
  const seen: Seen = new Set()
  for (const thread of readdirSync(join(directory, 'task'))) {
    try {
      readThread(join(directory, 'task', thread), who, found, seen)
    } catch (error) {
      if (!hasEnded(errnoOf(error))) throw error
    }
  }
}

function readThread(directory: string, who: string, { files, mounts }: Found, seen: Seen): void {
  if (hasNothingOpen(readFileSync(join(directory, 'stat'), 'utf8'))) return
  if (isNew(seen, readlinkSync(join(directory, 'ns/mnt')))) {
    const mountinfo = readFileSync(join(directory, 'mountinfo'), 'utf8')
    for (const [device, root] of mountedRoots(mountinfo)) add(mounts, `${device} ${root}`, who)
    for (const layer of overlayLayers(mountinfo))
      for (const path of [layer, join(directory, 'root', layer)])
        noteFile(path, `the overlay mounted by ${who}`, files)
  }
  for (const link of ['cwd', 'root']) note(join(directory, link), who, files, seen)
  for (const fd of readdirSync(join(directory, 'fd'))) note(join(directory, 'fd', fd), who, files, seen)
  if (!isNew(seen, 'maps')) return // threads share their memory
  for (const file of mappedFiles(readFileSync(join(directory, 'maps'), 'utf8'))) add(files, file, who)
}

function isNew(seen: Seen, what: string): boolean {
  const found = seen.has(what)
  seen.add(what)
  return !found
}

/** The first process that uses a file is the one to name: others inherited it. */
function add(users: Map<string, string>, used: string, who: string): void {
  if (!users.has(used)) users.set(used, who)
}

/** Notes the file that a link of /proc leads to; one of a descriptor that was closed meanwhile leads nowhere. */
function note(link: string, who: string, files: Map<string, string>, seen: Seen): void {
  try {
    const target = readlinkSync(link)
    if (!target.startsWith('/')) return // a socket, a pipe, an event descriptor
    if (!isNew(seen, `${basename(link)} ${target}`)) return // another thread's; a path alone can name two files
    add(files, identityOf(statSync(link, { bigint: true })), who)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}

/** Notes a file that something other than a descriptor leads to, if this process can see it. */
function noteFile(path: string, who: string, files: Map<string, string>): void {
  try {
    add(files, identityOf(statSync(path, { bigint: true })), who)
  } catch {} // a path of another mount namespace
}

/** Files that the kernel has open for a loop device: no process has them. */
function readLoopDevices(files: Map<string, string>): void {
  for (const device of readdirSync('/sys/block').filter((name) => name.startsWith('loop'))) {
    try {
      const image = readFileSync(join('/sys/block', device, 'loop/backing_file'), 'utf8').trimEnd()
      noteFile(image, `the loop device ${device}`, files)
    } catch {} // it has no file
  }
}

/** Device and root within the file system of each mount, of a mountinfo file. */
export function mountedRoots(mountinfo: string): [device: string, root: string][] {
  return mountinfo
    .split('\n')
    .map((line) => line.split(' '))
    .flatMap(([, , device, root]): [string, string][] =>
      device === undefined || root === undefined ? [] : [[device, unescapeOctal(root)]],
    )
}

/** The directories below the overlays of a mountinfo file: its last field is `rw,lowerdir=/a:/b,upperdir=/c,workdir=/d`. */
export function overlayLayers(mountinfo: string): string[] {
  return [...mountinfo.matchAll(/(?<= - overlay \S+ .*\b(?:lower|upper|work|data)dir\+?=)[^,\n]+/g)].flatMap(
    ([value]) => value.split(/(?<!\\):/).map((path) => unescapeOctal(path).replaceAll('\\', '')),
  )
}

/** mountinfo writes a space as \040. */
export function unescapeOctal(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  )
}

/** The files of a maps file, as {@link identityOf}: `7f00-7f01 r--p 00000000 08:01 4711  /path`. */
export function mappedFiles(maps: string): Set<string> {
  const files = new Set<string>()
  for (const [, major = '', minor = '', ino = ''] of maps.matchAll(
    /^\S+ \S+ \S+ ([0-9a-f]+):([0-9a-f]+) ([1-9]\d*)/gm,
  ))
    files.add(`${deviceNumber(BigInt(`0x${major}`), BigInt(`0x${minor}`))}:${ino}`)
  return files
}

/** makedev(3) of glibc, which stat's st_dev is. */
function deviceNumber(major: bigint, minor: bigint): bigint {
  return ((major & ~0xfffn) << 32n) | ((minor & ~0xffn) << 12n) | ((major & 0xfffn) << 8n) | (minor & 0xffn)
}

function describe(directory: string, pid: string): string {
  try {
    return `process ${pid} (${forLog(readFileSync(join(directory, 'comm'), 'utf8').trim())})`
  } catch {
    return `process ${pid}`
  }
}
