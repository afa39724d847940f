// Linux: /proc identifies a thread by its start time, the lease is a unix socket in the session's directory.

import fs, { constants } from 'node:fs'
import { hostname } from 'node:os'
import { errnoOf } from '../errors.ts'
import { askProcess } from './ask-process.ts'
import type { OwnIdentity, Platform, ProcessIdentity, ProcessSeen } from './platform.ts'
import { FROM_TERMINAL, LEASE_NAMES, MAX_SOCKET_PATH, POSIX, socketAnswer } from './posix.ts'

const BOOT_ID = '/proc/sys/kernel/random/boot_id'

/** statfs(2): the file system type of /proc, so of what no other file is mounted over. */
const PROC_MAGIC = 0x9fa0

/** Errors by which the kernel reports that a thing does not exist; every other error leaves the question open. */
const ABSENT = new Set(['ENOENT', 'ESRCH', 'ENOTDIR'])

export const linux: Platform = {
  system: 'linux',
  identify,
  compareBoots: (own, recorded) => (own === recorded ? 'same' : 'other'),
  clockOffsets,
  procIsOurs,
  observe,
  lease: { names: LEASE_NAMES, onDisk: true, refusesWhenFull: false, at: atSocket, answerOf: socketAnswer },
  fileSystemOf,
  // Local file systems of one kernel. Elsewhere (nfs, cifs, 9p, fuse, unknown) other mounts and clones of the same tree
  // gave false deaths.
  provingFileSystems: new Set(['ext2', 'ext3', 'ext4', 'xfs', 'btrfs', 'f2fs', 'zfs', 'tmpfs', 'overlay']),
  mountTable: '/proc/self/mountinfo',
  ...POSIX,
  comesFromTerminal,
}

function identify(): OwnIdentity {
  const look: Look = { complete: true }
  const bootId = ask(look, read, BOOT_ID)?.trim()
  return {
    pid: process.pid,
    hostname: hostname(),
    tid: ownThreadId(look),
    startTime: parseStat(ask(look, read, '/proc/thread-self/stat'))?.startTime,
    bootId,
    pidNamespace: ask(look, readLink, '/proc/self/ns/pid'),
    timeNamespace: ask(look, readLink, '/proc/self/ns/time'),
    genuineBoot: bootId !== undefined && isGenuineBoot(),
    complete: look.complete,
  }
}

/** One look at this thread. */
interface Look {
  /** Every question got an answer. */
  complete: boolean
}

/** What `by` finds at `path`; undefined where that does not exist, or could not be asked, which `look` notes. */
function ask(look: Look, by: (path: string) => string, path: string): string | undefined {
  try {
    return by(path)
  } catch (error) {
    if (!ABSENT.has(errnoOf(error) ?? '')) look.complete = false
    return undefined
  }
}

function read(path: string): string {
  return fs.readFileSync(path, 'utf8')
}

function readLink(path: string): string {
  return fs.readlinkSync(path)
}

/** A quarter of the time of reading the mount table. */
function fileSystemOf(path: string): string | undefined {
  try {
    return String(fs.statfsSync(path).type)
  } catch {
    return undefined
  }
}

function isGenuineBoot(): boolean {
  try {
    return fs.statfsSync(BOOT_ID).type === PROC_MAGIC
  } catch {
    return false
  }
}

// In a pid namespace whose /proc belongs to another one (`unshare -pf` without a mount) the link holds that namespace's
// ids; NSpid's last column is the id in ours.
function ownThreadId(look: Look): number | undefined {
  const [pid, , tid] = ask(look, readLink, '/proc/thread-self')?.split('/') ?? []
  if (pid === String(process.pid)) return numberOf(tid)
  const status = ask(look, read, '/proc/thread-self/status')
  return numberOf(
    /^NSpid:\s+(.+)$/m
      .exec(status ?? '')?.[1]
      ?.trim()
      .split(/\s+/)
      .at(-1),
  )
}

function numberOf(text: string | undefined): number | undefined {
  const number = Number(text)
  return Number.isSafeInteger(number) && number > 0 ? number : undefined
}

/** The fields of a /proc stat line that show whether a thread lives; the command name may hold anything. */
function parseStat(
  text: string | undefined,
): { state: string; threads: number; startTime: string } | undefined {
  if (text === undefined) return undefined
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, threads, startTime] = [fields[0], fields[17], fields[19]]
  if (state === undefined || threads === undefined || startTime === undefined) return undefined
  return { state, threads: Number(threads), startTime }
}

/**
 * The terminal sends its signals to one process group, proc(5) tpgid: from there they come if this process and the child are in
 * it. It cannot be found out which of them another process sent with kill(2).
 */
function comesFromTerminal(signal: NodeJS.Signals, child: number | undefined): boolean {
  if (!FROM_TERMINAL.includes(signal)) return false
  return isInFront('self') && (child === undefined || isInFront(String(child)))
}

/** Whether a process is in the group in front of its terminal. */
function isInFront(process: string): boolean {
  try {
    const text = fs.readFileSync(`/proc/${process}/stat`, 'utf8')
    const [group, , , front] = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .slice(2)
    return group !== undefined && group === front
  } catch {
    return false
  }
}

function clockOffsets(): string {
  try {
    return fs.readFileSync('/proc/self/timens_offsets', 'utf8')
  } catch (error) {
    if (ABSENT.has(errnoOf(error) ?? '')) return '' // a kernel without time namespaces
    throw error
  }
}

function procIsOurs(): boolean {
  try {
    return fs.readlinkSync('/proc/self') === String(process.pid)
  } catch {
    return false
  }
}

function observe(owner: Pick<ProcessIdentity, 'pid' | 'tid' | 'startTime'>): ProcessSeen {
  const process = askProcess(owner.pid)
  if (process !== 'exists' && process !== 'forbidden') return { process, thread: 'hidden' }
  return { process, thread: threadOf(owner) }
}

function threadOf({
  pid,
  tid,
  startTime,
}: Pick<ProcessIdentity, 'pid' | 'tid' | 'startTime'>): ProcessSeen['thread'] {
  if (tid === undefined || startTime === undefined) return 'hidden'
  const leader = statOf(`/proc/${pid}/stat`)
  if (leader === 'missing') return 'hidden' // hidepid, or it ended since kill(2): the next judgement sees which
  if (typeof leader === 'string') return leader
  const thread = statOf(`/proc/${pid}/task/${tid}/stat`)
  if (thread === 'missing') return typeof statOf(`/proc/${pid}/stat`) === 'string' ? 'hidden' : 'missing'
  if (typeof thread === 'string') return thread
  if (thread.startTime !== startTime) return 'other-start'
  return leader.state === 'Z' && leader.threads <= 1 ? 'zombie' : 'same'
}

// 'missing' needs the kernel's word: a sweeper out of file descriptors (EMFILE) sees nothing either.
function statOf(
  path: string,
): NonNullable<ReturnType<typeof parseStat>> | 'missing' | 'hidden' | 'not-asked' {
  try {
    return parseStat(fs.readFileSync(path, 'utf8')) ?? 'not-asked'
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ENOENT' || errno === 'ESRCH') return 'missing'
    return errno === 'EACCES' || errno === 'EPERM' ? 'hidden' : 'not-asked'
  }
}

/** Node 20 and 22 silently truncate a path over the limit, so a long one is reached through the directory's descriptor. */
function atSocket<T>(session: { readonly directory: string }, name: string, use: (address: string) => T): T {
  const path = `${session.directory}/${name}`
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH) return use(path)
  const fd = fs.openSync(session.directory, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    return use(`/proc/self/fd/${fd}/${name}`)
  } finally {
    fs.closeSync(fd)
  }
}
