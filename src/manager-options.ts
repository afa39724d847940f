// A manager's options: what may be given, what it means, what is refused. Promise: a bad option is
// ERR_TEMP_OPTION_INVALID or ERR_TEMP_NAME_INVALID from the constructor, before anything is made.

import nodeFs from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import type { FileSystem } from './disk/file-system.ts'
import { TempFileError } from './errors.ts'
import { checkAffixes, checkName, displayName } from './input/names.ts'
import { refuseUnknown } from './input/options.ts'
import { type Duration, type Size, toBytes, toMilliseconds } from './input/units.ts'
import { inside, SESSION_RANDOM_LENGTH } from './layout.ts'
import type { OnCleanupError } from './runtime/observe.ts'

/** Options of a {@link TempFileManager}; every one has a default that suits a service on one host. */
export interface TempFileManagerOptions {
  /** Name of the root directory, shared by all processes of one user that use it. Default 'temp-file-manager'. */
  name?: string | undefined
  /** Beginning of every file's and directory's name, for the human at 3 a.m. Default 'tmp-'. */
  prefix?: string | undefined
  /** Directory that holds the root. Default: TEMP_FILE_MANAGER_DIR, else the real path of `os.tmpdir()`. */
  baseDir?: string | undefined
  /** A file system in place of `node:fs`, such as `memfs.fs`, so that unit tests touch no disk. */
  fs?: FileSystem | undefined
  /** What this manager may use. Counted: what goes through `receive` and `write`, and live entries. */
  limits?: Limits | undefined
  /** Defaults of {@link TempEntry.handOff}. `ttl`: time to live, default '7d'. */
  handoff?: { ttl?: Duration | undefined } | undefined
  /** Recovery of what dead processes left: at first use (default true) and every so often (default '10m', false: never). */
  sweep?: { onStart?: boolean | undefined; every?: Duration | false | undefined } | undefined
  /** Several hosts share the root on one network volume: sessions beat, and age may prove death. Default false. */
  sharedVolume?: boolean | { heartbeat?: Duration | undefined; staleAfter?: Duration | undefined } | undefined
  /** Clean up on SIGINT, SIGTERM and SIGHUP where the program does not listen itself. Default true. */
  signals?: boolean | undefined
  /** Debugging: remove nothing, say where it is. Also TEMP_FILE_MANAGER_PRESERVE=1. */
  preserve?: boolean | undefined
  /** What becomes of a removal that failed for good during disposal. Default 'warn' (a process warning). */
  onCleanupError?: OnCleanupError | undefined
}

/** Limits of one manager; each unset one is no limit. */
export interface Limits {
  /** Most bytes of one received file: ERR_TEMP_TOO_LARGE. */
  fileBytes?: Size | undefined
  /** Most bytes received or written and still here, in all: ERR_TEMP_QUOTA. */
  totalBytes?: Size | undefined
  /** Most live files and directories: ERR_TEMP_QUOTA. */
  liveEntries?: number | undefined
  /** Space that must stay free on the disk, checked before and while receiving: ERR_TEMP_NO_SPACE. */
  minFreeBytes?: Size | undefined
}

/** Limits in plain numbers. */
export interface ResolvedLimits {
  fileBytes?: number
  totalBytes?: number
  liveEntries?: number
  minFreeBytes?: number
}

/** Options with every default filled in and every unit resolved: bytes and milliseconds. */
export interface Settings {
  readonly root: string
  readonly prefix: string
  readonly fs: FileSystem
  /** The file system is the machine's own, so kernel evidence (the lease, mounts) is meaningful. */
  readonly native: boolean
  readonly limits: ResolvedLimits
  readonly handoffTtl: number
  readonly sweepOnStart: boolean
  readonly sweepEvery: number | undefined
  readonly sharedVolume: { readonly heartbeat: number; readonly staleAfter: number } | undefined
  readonly signals: boolean
  readonly preserve: boolean
  readonly onCleanupError: OnCleanupError
}

const HOUR = 3_600_000

/** Every option, by section. */
const KNOWN = {
  manager: [
    'name',
    'prefix',
    'baseDir',
    'fs',
    'limits',
    'handoff',
    'sweep',
    'sharedVolume',
    'signals',
    'preserve',
    'onCleanupError',
  ],
  limits: ['fileBytes', 'totalBytes', 'liveEntries', 'minFreeBytes'],
  handoff: ['ttl'],
  sweep: ['onStart', 'every'],
  sharedVolume: ['heartbeat', 'staleAfter'],
} as const

function invalid(message: string): never {
  throw new TempFileError('ERR_TEMP_OPTION_INVALID', message)
}

/** Checks a manager's options. @throws ERR_TEMP_OPTION_INVALID, ERR_TEMP_NAME_INVALID */
export function resolveOptions(options: TempFileManagerOptions = {}): Settings {
  if (!isObject(options)) invalid('The options must be an object.')
  refuseUnknown(options, KNOWN.manager, 'TempFileManager')
  for (const section of ['limits', 'handoff', 'sweep'] as const)
    if (options[section] !== undefined && !isObject(options[section]))
      invalid(`${section} must be an object.`)
  for (const section of ['limits', 'handoff', 'sweep', 'sharedVolume'] as const) {
    const given = options[section]
    if (isObject(given)) refuseUnknown(given, KNOWN[section], section)
  }
  const fs = fileSystem(options.fs)
  const prefix = options.prefix ?? 'tmp-'
  checkAffixes(prefix, '', SESSION_RANDOM_LENGTH + 1 + 16)
  return {
    root: inside(
      baseDirectory(options.baseDir, fs),
      checkName(`${checkName(options.name ?? 'temp-file-manager')}-${userTag()}`),
    ),
    prefix,
    fs,
    native: fs.native ?? fs === nodeFs,
    limits: resolveLimits(options.limits),
    handoffTtl: toMilliseconds(options.handoff?.ttl ?? '7d', 'handoff.ttl'),
    sweepOnStart: flag(options.sweep?.onStart, true, 'sweep.onStart'),
    sweepEvery: interval(options.sweep?.every ?? '10m'),
    sharedVolume: resolveSharedVolume(options.sharedVolume),
    signals: flag(options.signals, true, 'signals'),
    preserve: flag(options.preserve, process.env['TEMP_FILE_MANAGER_PRESERVE'] === '1', 'preserve'),
    onCleanupError: cleanupPolicy(options.onCleanupError),
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** One call stands for all: what has it not is no file system at all, such as a module's namespace given by mistake. */
function fileSystem(given: FileSystem | undefined): FileSystem {
  if (given === undefined) return nodeFs
  if (!isObject(given) || typeof given.openSync !== 'function' || !isObject(given.promises))
    invalid('fs must be a file system such as node:fs or memfs.fs.')
  return given
}

function flag(value: unknown, fallback: boolean, option: string): boolean {
  if (value === undefined) return fallback
  if (typeof value !== 'boolean') invalid(`${option} must be true or false.`)
  return value
}

function baseDirectory(given: unknown, fs: FileSystem): string {
  const base = given ?? process.env['TEMP_FILE_MANAGER_DIR'] ?? tmpdir()
  if (typeof base !== 'string' || base === '' || base.includes('\0')) {
    invalid('baseDir must be the path of a directory, a string without NUL characters.')
  }
  return realPath(fs, resolve(base))
}

/** The real path of what exists of it: the rest is made, and judged, at first use, below the same real directory. */
function realPath(fs: FileSystem, path: string): string {
  try {
    return String(fs.realpathSync(path))
  } catch {
    const parent = dirname(path)
    return parent === path ? path : join(realPath(fs, parent), basename(path))
  }
}

/** The user in the root's name: the numeric id, or on Windows the user's name. */
function userTag(): string {
  const uid = process.geteuid?.()
  return uid === undefined ? displayName(userInfo().username) : String(uid)
}

function resolveLimits(limits: Limits | undefined): ResolvedLimits {
  const resolved: ResolvedLimits = {}
  if (limits?.fileBytes !== undefined) resolved.fileBytes = toBytes(limits.fileBytes, 'limits.fileBytes')
  if (limits?.totalBytes !== undefined) resolved.totalBytes = toBytes(limits.totalBytes, 'limits.totalBytes')
  if (limits?.minFreeBytes !== undefined)
    resolved.minFreeBytes = toBytes(limits.minFreeBytes, 'limits.minFreeBytes')
  if (limits?.liveEntries !== undefined) {
    if (!Number.isSafeInteger(limits.liveEntries) || limits.liveEntries < 0)
      invalid('limits.liveEntries must be a whole number.')
    resolved.liveEntries = limits.liveEntries
  }
  return resolved
}

/** setInterval's longest delay is 2^31-1 ms; longer would fire at once. */
function interval(every: Duration | false): number | undefined {
  if (every === false) return undefined
  const ms = toMilliseconds(every, 'sweep.every')
  if (ms < 1000 || ms > 2 ** 31 - 1) invalid("sweep.every must be between '1s' and '24d', or false.")
  return ms
}

function resolveSharedVolume(given: TempFileManagerOptions['sharedVolume']): Settings['sharedVolume'] {
  if (given === undefined || given === false) return undefined
  if (given !== true && !isObject(given)) invalid('sharedVolume must be true, false or an object.')
  const { heartbeat, staleAfter } = given === true ? {} : given
  const beat = toMilliseconds(heartbeat ?? '15s', 'sharedVolume.heartbeat')
  const age = toMilliseconds(staleAfter ?? '24h', 'sharedVolume.staleAfter')
  if (beat < 1000 || beat > HOUR / 4) invalid("sharedVolume.heartbeat must be between '1s' and '15m'.")
  if (age < HOUR)
    invalid("sharedVolume.staleAfter must be at least '1h': a shorter pause of a host is no proof of death.")
  return { heartbeat: beat, staleAfter: age }
}

function cleanupPolicy(given: unknown): OnCleanupError {
  if (given === undefined) return 'warn'
  if (given === 'warn' || given === 'throw') return given
  if (typeof given !== 'function') invalid("onCleanupError must be 'warn', 'throw' or a function.")
  return given as OnCleanupError // a function: its parameter cannot be checked at run time
}
