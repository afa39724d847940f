// A manager's options and their defaults. Guarantee: a wrong option throws ERR_TEMP_OPTION_INVALID or
// ERR_TEMP_NAME_INVALID from the constructor, before anything is created.

import nodeFs from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { type Context, newCounters } from './context.ts'
import type { FileSystem } from './disk/file-system.ts'
import { withPatientRenames } from './disk/patient-renames.ts'
import { optionError } from './errors.ts'
import { absolutePath } from './input/given-path.ts'
import { checkAffixes, checkName, displayName } from './input/names.ts'
import {
  boolean,
  type Checked,
  constantOr,
  describe,
  duration,
  durationWithin,
  integer,
  isKeyed,
  type Kind,
  LONGEST_TIMER_MS,
  nested,
  optionsOf,
  size,
  unchecked,
} from './input/options.ts'
import type { Duration, Size } from './input/units.ts'
import { keepPolicyOf, type Preserve, preserveFromEnvironment, preserveKind } from './keep-policy.ts'
import { inside, layoutOf, SESSION_RANDOM_LENGTH } from './layout.ts'
import { platform } from './platform/index.ts'
import { requireStatfs } from './quota.ts'
import type { OnCleanupError } from './runtime/observe.ts'

/**
 * Options of a {@link TempFileManager}. Every option has a default that suits a service on one host.
 * @category Managers
 */
export interface TempFileManagerOptions {
  /** Name of the root directory, which all processes of one user under this name share. Default 'temp-file-manager'. */
  name?: string | undefined
  /** Start of every file and directory name, so that a listing shows which program made it. Default 'tmp-'. */
  prefix?: string | undefined
  /** Directory that contains the root. Default: TEMP_FILE_MANAGER_DIR, else the real path of `os.tmpdir()`. */
  baseDir?: string | undefined
  /** A file system instead of `node:fs`, such as `memfs.fs`, so that unit tests use no disk. */
  fs?: FileSystem | undefined
  /** Limits of this manager. There is no limit unless you set one. */
  limits?: Limits | undefined
  /**
   * Defaults of {@link TempEntry.handOff}. `ttl`: time to live, default '7d'. `maxAttempts`: claims after which a
   * ticket is 'dead' (kept and listed, not claimable); default: no limit.
   */
  handoff?: { ttl?: Duration | undefined; maxAttempts?: number | undefined } | undefined
  /**
   * When to remove what dead processes left. `onStart` (default true): once, shortly after the manager was created.
   * `every` (default '10m'): the interval; false: never.
   */
  sweep?: { onStart?: boolean | undefined; every?: Duration | false | undefined } | undefined
  /**
   * Several hosts share the root on one network volume. Sessions then have a heartbeat (default '15s'), and a session
   * of another host is dead after `staleAfter` (default '24h') without one. Default false.
   */
  sharedVolume?: boolean | { heartbeat?: Duration | undefined; staleAfter?: Duration | undefined } | undefined
  /** Clean up on SIGINT, SIGTERM and SIGHUP, unless the program listens for them itself. Default true. */
  signals?: boolean | undefined
  /**
   * For debugging. true, also TEMP_FILE_MANAGER_PRESERVE=1: remove nothing and report where it is. 'on-error', also
   * TEMP_FILE_MANAGER_PRESERVE=on-error: keep what a failed scope left in `kept/` of the root, the newest 3 failures; an
   * object sets another number or an age. Default false.
   */
  preserve?: Preserve | undefined
  /** The reaction to a removal that finally fails during disposal. Default 'warn' (a process warning). */
  onCleanupError?: OnCleanupError | undefined
}

/**
 * Limits of one manager. An option that is not set does not limit anything.
 * @category Managers
 */
export interface Limits {
  /** Most bytes of one received file: ERR_TEMP_TOO_LARGE. */
  fileBytes?: Size | undefined
  /** Most bytes that `receive` and `write` have stored and that still exist, in total: ERR_TEMP_QUOTA. */
  totalBytes?: Size | undefined
  /** Most live files and directories: ERR_TEMP_QUOTA. */
  liveEntries?: number | undefined
  /** Space that must stay free on the disk, checked before and during a receive: ERR_TEMP_NO_SPACE. */
  minFreeBytes?: Size | undefined
}

const SECOND = 1000
const HOUR = 3_600_000

/** Duck-typed: a module's namespace, given by mistake, has no openSync. */
const fileSystem: Kind<FileSystem> = (value, option) => {
  const { openSync, promises } = (value ?? {}) as Partial<FileSystem> // any value can be read by key
  if (typeof openSync === 'function' && typeof promises === 'object') return value as FileSystem
  throw optionError(option, 'fs must be a file system such as node:fs or memfs.fs.')
}

const cleanupPolicy: Kind<OnCleanupError> = (value, option) => {
  if (value === 'warn' || value === 'throw') return value
  if (typeof value === 'function') return value as OnCleanupError // its parameter cannot be checked at run time
  throw optionError(option, "onCleanupError must be 'warn', 'throw' or a function.")
}

const directory: Kind<string> = (value, option) => {
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value
  throw optionError(
    option,
    `${option} must be the path of a directory, a non-empty string without NUL characters.`,
  )
}

const sharedVolume = {
  heartbeat: durationWithin(SECOND, HOUR / 4, "between '1s' and '15m'"),
  staleAfter: durationWithin(
    HOUR,
    Number.MAX_SAFE_INTEGER,
    "at least '1h': a shorter pause of a host does not prove its death",
  ),
}

const checkOptions = optionsOf('TempFileManager', {
  name: unchecked<string>(), // by checkName
  prefix: unchecked<string>(), // by checkAffixes
  baseDir: directory,
  fs: fileSystem,
  limits: nested({ fileBytes: size, totalBytes: size, liveEntries: integer(), minFreeBytes: size }),
  handoff: nested({ ttl: duration, maxAttempts: integer(1) }),
  sweep: nested({
    onStart: boolean,
    every: constantOr(false, durationWithin(SECOND, LONGEST_TIMER_MS, "between '1s' and '24d', or false")),
  }),
  sharedVolume: sharedVolumeKind,
  signals: boolean,
  preserve: preserveKind,
  onCleanupError: cleanupPolicy,
})

function sharedVolumeKind(value: unknown, option: string): boolean | Checked<typeof sharedVolume> {
  if (typeof value === 'boolean') return value
  if (isKeyed(value)) return nested(sharedVolume)(value, option)
  throw optionError(option, `${option} must be true, false or an object, not ${describe(value)}.`)
}

/** Checks a manager's options. @throws ERR_TEMP_OPTION_INVALID, ERR_TEMP_NAME_INVALID */
export function resolveOptions(options?: TempFileManagerOptions): Context {
  const given = checkOptions(options)
  const preserve = given.preserve ?? preserveFromEnvironment()
  const disk: FileSystem = given.fs ?? nodeFs
  const native = disk.native ?? disk === nodeFs
  const fs = native && !platform().movesOpenDirectories ? withPatientRenames(disk) : disk
  const { name = 'temp-file-manager', prefix = 'tmp-' } = given // not `??`: null is refused
  checkAffixes(prefix, '', SESSION_RANDOM_LENGTH + 1 + 16)
  const root = inside(baseDirectory(given.baseDir, fs), checkName(`${checkName(name)}-${userTag()}`))
  requireStatfs(given.limits?.minFreeBytes, fs)
  return {
    root,
    layout: layoutOf(root),
    counters: newCounters(),
    prefix,
    fs,
    native,
    limits: given.limits ?? {},
    handoffTtl: given.handoff?.ttl ?? 7 * 24 * HOUR,
    maxAttempts: given.handoff?.maxAttempts,
    sweepOnStart: given.sweep?.onStart ?? true,
    sweepEvery: sweepInterval(given.sweep?.every ?? HOUR / 6),
    sharedVolume: resolveSharedVolume(given.sharedVolume),
    signals: given.signals ?? true,
    preserve: preserve === true,
    keepFailed: keepPolicyOf(preserve),
    onCleanupError: given.onCleanupError ?? 'warn',
  }
}

function baseDirectory(given: string | undefined, fs: FileSystem): string {
  const base = given ?? directory(process.env['TEMP_FILE_MANAGER_DIR'] || tmpdir(), 'TEMP_FILE_MANAGER_DIR')
  return realPath(fs, absolutePath(base))
}

/**
 * The real path of the part that exists; the rest is created, and checked, at first use. realpath(3) is one call, Node's own
 * function a dozen; but on Windows it writes a path in other letters than TEMP.
 */
function realPath(fs: FileSystem, path: string): string {
  try {
    return String(
      platform().hasModes && fs.realpathSync.native ? fs.realpathSync.native(path) : fs.realpathSync(path),
    )
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

function sweepInterval(every: number | false): number | undefined {
  return every === false ? undefined : every
}

function resolveSharedVolume(given: boolean | Checked<typeof sharedVolume> = false): Context['sharedVolume'] {
  if (given === false) return undefined
  const { heartbeat = 15 * SECOND, staleAfter = 24 * HOUR } = given === true ? {} : given
  return { heartbeat, staleAfter }
}
