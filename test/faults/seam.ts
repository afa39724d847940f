// The seam: node:fs itself, patched in this process, so that every call which the library, the lease or fs-extra
// makes below a watched directory is reported before it reaches the kernel and afterwards, also where the path goes
// through a descriptor (/proc/self/fd/<n>/name). Guarantee: what the watcher throws is what that call fails with, in
// the call's own way (thrown, by callback, by rejection); a close that is made to fail closes all the same, as Linux
// does. Not seen, because they are not calls of node:fs: bind, listen and connect of the lease's socket, and libuv's
// own unlink when a socket is closed.

import nodeFs, { type Dir } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { constants } from 'node:os'
import { resolveDescriptor } from '../fixtures/descriptor-path.ts'

/** One call: its name without Sync, and the path; for a descriptor, or a path through one, what was opened. */
export interface SeamCall {
  readonly name: string
  readonly path: string
  /** It answers later: by callback or promise. */
  readonly waits?: boolean
}

/** Observer of the calls below a directory. */
export interface Watcher {
  /** Before the call; what it throws the call fails with. */
  before(call: SeamCall): void
  /** After it has succeeded or failed. */
  after?(call: SeamCall): void
}

type AnyFunction = (...values: unknown[]) => unknown
type Table = Record<string, AnyFunction>

const BY_PATH =
  'open lstat stat chmod utimes lutimes mkdir rmdir unlink rename link readdir opendir realpath copyFile readlink symlink statfs access'
const BY_DESCRIPTOR = 'close write writev read fsync fdatasync fstat fchmod ftruncate futimes'

const watchers = new Map<string, Watcher>()
const opened = new Map<number, string>()

/** Announces every call below `directory` until the returned function is called. */
export function watch(directory: string, watcher: Watcher): () => void {
  install()
  watchers.set(directory, watcher)
  return () => {
    watchers.delete(directory)
  }
}

/** An error as the system gives it. */
export function systemError(code: string, call: SeamCall): NodeJS.ErrnoException {
  const numbers: Readonly<Record<string, number>> = constants.errno
  const errno = -(numbers[code] ?? 0)
  return Object.assign(new Error(`${code}: injected, ${call.name}`), { code, errno, syscall: call.name })
}

function watcherOf(path: string): Watcher | undefined {
  for (const [directory, watcher] of watchers) {
    if (path === directory || path.startsWith(`${directory}/`)) return watcher
  }
  return undefined
}

/** A path given to a call, with the path that a descriptor in it refers to. */
function realPathOf(given: unknown): string {
  return resolveDescriptor(String(given), opened)
}

let installed = false

/** Patches once; without a watcher the calls pass through. */
export function install(): void {
  if (installed) return
  installed = true
  const fs = nodeFs as unknown as Table // every name below is a function of it
  const promises = nodeFs.promises as unknown as Table
  for (const name of BY_PATH.split(' ')) {
    patch(fs, `${name}Sync`, (original) => atOnce(name, realPathOf, original))
    patch(fs, name, (original) => byCallback(name, realPathOf, original))
    patch(promises, name, (original) => byPromise(name, realPathOf, original))
  }
  const descriptorOf = (first: unknown): string => opened.get(Number(first)) ?? ''
  for (const name of BY_DESCRIPTOR.split(' ')) {
    patch(fs, `${name}Sync`, (original) => atOnce(name, descriptorOf, original))
    patch(fs, name, (original) => byCallback(name, descriptorOf, original))
  }
  syncBuiltinESMExports()
}

function patch(table: Table, name: string, wrap: (original: AnyFunction) => AnyFunction): void {
  const original = table[name]
  if (typeof original !== 'function') return
  // realpath.native and the promisify symbols stay what they are.
  table[name] = Object.assign(wrap(original), original)
}

function atOnce(name: string, pathOf: (first: unknown) => string, original: AnyFunction): AnyFunction {
  return (...values) => {
    const call = { name, path: pathOf(values[0]) }
    const watcher = watcherOf(call.path)
    if (name === 'close') forget(values[0])
    if (watcher === undefined) return remember(call, original(...values))
    try {
      watcher.before(call)
    } catch (error) {
      if (name === 'close') original(...values)
      throw error
    }
    try {
      return remember(call, watchDirectory(original(...values), watcher, call.path))
    } finally {
      watcher.after?.(call)
    }
  }
}

function byCallback(name: string, pathOf: (first: unknown) => string, original: AnyFunction): AnyFunction {
  return (...values) => {
    const call = { name, path: pathOf(values[0]), waits: true }
    const watcher = watcherOf(call.path)
    const callback = values.at(-1) as AnyFunction // the last argument of every callback call
    const refusal = refusalOf(watcher, call)
    if (name === 'close') forget(values[0]) // now: before it answers, another open may be given its number
    const answer = (error: unknown, value: unknown, ...more: unknown[]): void => {
      if (!error) remember(call, value)
      watcher?.after?.(call)
      callback(refusal?.error ?? error, refusal === undefined ? value : undefined, ...more)
    }
    if (refusal !== undefined && name !== 'close') return setImmediate(answer, refusal.error, undefined)
    return original(...values.slice(0, -1), answer)
  }
}

function byPromise(name: string, pathOf: (first: unknown) => string, original: AnyFunction): AnyFunction {
  return async (...values) => {
    const call = { name, path: pathOf(values[0]), waits: true }
    const watcher = watcherOf(call.path)
    watcher?.before(call)
    try {
      const value = await original(...values)
      if (name === 'open') watchHandle(value as FileHandle, watcher, call.path)
      return watchDirectory(value, watcher, call.path)
    } finally {
      watcher?.after?.(call)
    }
  }
}

function refusalOf(watcher: Watcher | undefined, call: SeamCall): { error: unknown } | undefined {
  try {
    watcher?.before(call)
    return undefined
  } catch (error) {
    return { error }
  }
}

/** Keeps which path a new descriptor refers to. */
function remember({ name, path }: SeamCall, value: unknown): unknown {
  if (name === 'open') opened.set(Number(value), path)
  return value
}

function forget(descriptor: unknown): void {
  opened.delete(Number(descriptor))
}

/** A handle's own sync and close. */
function watchHandle(handle: FileHandle, watcher: Watcher | undefined, path: string): void {
  opened.set(handle.fd, path)
  for (const name of ['sync', 'datasync', 'close'] as const) {
    const original = handle[name].bind(handle)
    handle[name] = async () => {
      const refusal = refusalOf(watcher, { name: name === 'close' ? 'close' : 'fsync', path })
      if (name === 'close') forget(handle.fd)
      if (refusal === undefined || name === 'close') await original()
      watcher?.after?.({ name, path })
      if (refusal !== undefined) throw refusal.error
    }
  }
}

/** A directory that is read piece by piece. */
function watchDirectory(value: unknown, watcher: Watcher | undefined, path: string): unknown {
  if (watcher === undefined || !(value instanceof nodeFs.Dir)) return value
  const directory: Dir = value
  const readSync = directory.readSync.bind(directory)
  directory.readSync = () => {
    watcher.before({ name: 'readdir', path })
    return readSync()
  }
  return directory
}
