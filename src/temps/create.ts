// Creating an empty file. Guarantee: it is exactly open and close, and a failure leaves nothing.

import { close, open } from '../disk/descriptors.ts'
import { CREATE_FLAGS } from '../disk/empty-file.ts'
import type { FileSystem } from '../disk/file-system.ts'
import type { Session } from '../session/session.ts'
import { FileEntry } from './file.ts'
import type { Naming } from './naming.ts'
import { giveUp, giveUpSync, reserve, type Slot } from './slot.ts'

/** Mode of a file by default. */
export const MODE = 0o600

/** Creates a file: open(2) and close(2). Throws the system's error, or ERR_TEMP_QUOTA. */
export function createFile(session: Session, naming: Naming): FileEntry {
  const { fs, counters } = session.context
  const slot = reserve(session, naming, MODE)
  try {
    const fd = fs.openSync(slot.path, CREATE_FLAGS, slot.mode ?? MODE)
    if (slot.mode !== undefined) setMode(fs, fd, slot.mode)
    fs.closeSync(fd)
  } catch (error) {
    throw giveUpSync(slot, error)
  }
  counters.filesCreated++
  return new FileEntry(session, slot.sequence, naming.affixes, slot.holding).announce()
}

/** As {@link createFile}, without blocking the event loop. */
export async function createFileAsync(session: Session, naming: Naming): Promise<FileEntry> {
  const slot = reserve(session, naming, MODE)
  await close(session.context.fs, await openNew(slot))
  return new FileEntry(session, slot.sequence, naming.affixes, slot.holding).announce()
}

/** Opens a new file to write. Rejects with the error for the caller, after everything reserved is undone. */
export async function openNew(slot: Slot): Promise<number> {
  const { fs, counters } = slot.session.context
  try {
    const fd = await open(fs, slot.path, CREATE_FLAGS, slot.mode ?? MODE)
    if (slot.mode !== undefined) setMode(fs, fd, slot.mode)
    counters.filesCreated++
    return fd
  } catch (error) {
    throw await giveUp(slot, error)
  }
}

/** Closes the descriptor when it fails, because the caller does not have it yet. */
function setMode(fs: FileSystem, fd: number, mode: number): void {
  try {
    fs.fchmodSync(fd, mode)
  } catch (error) {
    fs.closeSync(fd)
    throw error
  }
}
