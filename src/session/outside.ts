// The files of a session outside its root: the private directory beside a destination while persist copies to another
// device, and an adopted directory on its way out. Each is noted in the session before it is made.
// Guarantee: a sweep removes what a killed process left only if directory, name, owner, device and inode are as
// noted; an entry that was never identified is removed only while it is empty.
// On a full disk the move continues without a note, because moves empty it: only a kill in its middle, or a removal that
// fails too and is reported with its path, then leaves a copy beside the destination.

import type { FileSystem } from '../disk/file-system.ts'
import type { Identity, Journal, Outside } from '../disk/move/staging.ts'
import { OpenDirectories } from '../disk/open-directories.ts'
import { isOwnedByUs } from '../disk/ownership.ts'
import { isDirectoryAt, isSameFile, joinPath, namesIn } from '../disk/paths.ts'
import { readRecord, writeRecord } from '../disk/record-file.ts'
import { type RemoveReport, removeTreeSync, requireComplete } from '../disk/remove/remove.ts'
import { syncDirectorySync } from '../disk/sync.ts'
import { errnoOf, isDiskFull } from '../errors.ts'
import { inside, OUTSIDE, randomText } from '../layout.ts'
import { log } from '../runtime/observe.ts'

const VERSION = 1

/** The journal of the session in the directory `session`. */
export function journalOf(fs: FileSystem, session: string): Journal {
  const notes = inside(session, OUTSIDE)
  return {
    note: (outside, durable) => {
      const path = inside(notes, randomText(8))
      const noted = withRoom(() => {
        makeDirectory(fs, notes)
        writeNote(fs, path, outside, durable)
        if (durable) for (const directory of [notes, session]) syncDirectorySync(fs, directory)
      })
      if (!noted) forget(fs, notes, path)
      return {
        identify: ({ dev, ino }) => {
          if (!noted) return
          // A whole record replaces the first: a kill in between leaves one or the other.
          const draft = inside(notes, randomText(8))
          const identified = withRoom(() => {
            writeNote(fs, draft, { ...outside, entry: { dev, ino } }, durable)
            fs.renameSync(draft, path)
          })
          if (!identified) forget(fs, notes, draft)
        },
        forget: () => {
          if (noted) forget(fs, notes, path)
        },
      }
    },
  }
}

/** Whether there was room for the work. Throws any other error of it. */
function withRoom(work: () => void): boolean {
  try {
    work()
    return true
  } catch (error) {
    if (!isDiskFull(error)) throw error
    log.session('the disk is full, so a move continues without a note: %s', errnoOf(error))
    return false
  }
}

/** Deletes a note, and the directory of the notes with the last one. */
function forget(fs: FileSystem, notes: string, path: string): void {
  for (const remove of [() => fs.unlinkSync(path), () => fs.rmdirSync(notes)]) {
    try {
      remove()
    } catch (error) {
      const errno = errnoOf(error)
      if (errno !== 'ENOENT' && errno !== 'ENOTEMPTY' && errno !== 'EEXIST') {
        log.session('a note could not be deleted: %s', errno)
      }
    }
  }
}

function makeDirectory(fs: FileSystem, path: string): void {
  try {
    fs.mkdirSync(path, { mode: 0o700 })
    fs.chmodSync(path, 0o700)
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
  }
}

function writeNote(fs: FileSystem, path: string, outside: Outside, durable: boolean): void {
  writeRecord(fs, path, { v: VERSION, ...outside }, { durable })
}

/**
 * Removes what the owner of a session that has ended left outside the root. Returns what could not be removed: its note
 * must stay, for the next sweep. Never throws.
 */
export function removeOutside(fs: FileSystem, session: string): RemoveReport['kept'] {
  const notes = inside(session, OUTSIDE)
  const kept: RemoveReport['kept'] = []
  const keep = (path: string, error: unknown): void => {
    kept.push({ path, reason: `a copy outside the root could not be removed: ${errnoOf(error) ?? error}` })
  }
  const names = notesIn(fs, notes, keep)
  for (const name of names) {
    const path = inside(notes, name)
    try {
      const outside = readNote(fs, path)
      if (outside !== undefined) removeNoted(fs, outside)
    } catch (error) {
      if (!isSettled(error)) keep(path, error)
    }
  }
  return kept
}

/** Nothing exists under that name, or it is not what was noted: a file, a link, a directory that is not empty. */
function isSettled(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENOTEMPTY', 'EEXIST'].includes(errnoOf(error) ?? '')
}

/** This directory rarely exists. */
function notesIn(
  fs: FileSystem,
  directory: string,
  failed: (path: string, error: unknown) => void,
): readonly string[] {
  try {
    return isDirectoryAt(fs, directory) ? namesIn(fs, directory) : []
  } catch (error) {
    if (!isSettled(error)) failed(directory, error)
    return []
  }
}

/** A note; undefined if it is not one. Throws the system's error. */
function readNote(fs: FileSystem, path: string): Outside | undefined {
  const read = readRecord(fs, path)
  if (read.state === 'unreadable' && read.cause !== undefined) throw read.cause
  return read.state === 'read' ? parse(read.value) : undefined
}

function removeNoted(fs: FileSystem, outside: Outside): void {
  const open = new OpenDirectories(fs)
  try {
    const holder = open.open(outside.directory)
    if (!isSameFile(holder.stats, outside.holder)) return
    const path = joinPath(open.pathOf(holder), outside.name).toString()
    const stats = fs.lstatSync(path)
    if (!isOwnedByUs(stats)) return
    if (outside.entry === undefined) fs.rmdirSync(path)
    else if (isSameFile(stats, outside.entry)) requireComplete(removeTreeSync(fs, path, { foreign: true }))
  } finally {
    open.close()
  }
}

function parse(value: unknown): Outside | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { v, directory, holder, name, entry } = value as Record<string, unknown> // any object can be read by key
  if (v !== VERSION || typeof directory !== 'string' || !isPlainName(name) || !isIdentity(holder))
    return undefined
  if (entry !== undefined && !isIdentity(entry)) return undefined
  return { directory, holder, name, entry }
}

/** One of the names that are made here: a record that names anything else was not written by this library. */
function isPlainName(name: unknown): name is string {
  return typeof name === 'string' && /^\.tmp-[\w-]+$/.test(name)
}

function isIdentity(value: unknown): value is Identity {
  if (typeof value !== 'object' || value === null) return false
  const { dev, ino } = value as Record<string, unknown> // any object can be read by key
  return typeof dev === 'number' && typeof ino === 'number'
}
