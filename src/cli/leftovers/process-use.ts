// The paths that processes of this machine use: open files, current and root directories, mapped files, mounts. Guarantee:
// files are compared by device and inode, so another mount namespace or a rename hides no use, and a process that
// cannot be inspected is listed and never taken for one that uses nothing.

import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
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
      if (hasNothingOpen(readFileSync(join(directory, 'stat'), 'utf8'))) continue
      readProcess(directory, describe(directory, pid), found)
    } catch (error) {
      const errno = errnoOf(error)
      if (errno === 'ENOENT' || errno === 'ESRCH') continue // it has ended
      found.uninspected.push({ process: describe(directory, pid), reason: errno ?? String(error) })
    }
  }
  return found
}

/** Whether processes of other users are invisible to a user. Root always sees them. */
export function hidesProcesses(mountinfo: string, proc: string, uid: number | undefined): boolean {
  const line = mountinfo.split('\n').find((each) => each.split(' ')[4] === proc)
  return uid !== 0 && /\bhidepid=(?!0|off)/.test(line ?? '')
}

/** A zombie, or a thread of the kernel. */
function hasNothingOpen(stat: string): boolean {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' || fields[0] === 'X' || (Number(fields[6]) & PF_KTHREAD) !== 0
}

function readProcess(directory: string, who: string, { files, mounts }: Found): void {
  for (const [device, root] of mountedRoots(readFileSync(join(directory, 'mountinfo'), 'utf8')))
    add(mounts, `${device} ${root}`, who)
  for (const link of ['cwd', 'root']) note(join(directory, link), who, files)
  for (const fd of readdirSync(join(directory, 'fd'))) note(join(directory, 'fd', fd), who, files)
  for (const file of mappedFiles(readFileSync(join(directory, 'maps'), 'utf8'))) add(files, file, who)
}

/** The first process that uses a file is the one to name: others inherited it. */
function add(users: Map<string, string>, used: string, who: string): void {
  if (!users.has(used)) users.set(used, who)
}

/** Notes the file that a link of /proc leads to; one of a descriptor that was closed meanwhile leads nowhere. */
function note(link: string, who: string, files: Map<string, string>): void {
  try {
    if (!readlinkSync(link).startsWith('/')) return // a socket, a pipe, an event descriptor
    add(files, identityOf(statSync(link, { bigint: true })), who)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
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
