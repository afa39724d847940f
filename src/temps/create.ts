// Making a file, empty or from a source. Promise: an empty one is exactly open and close; of one whose source
// failed nothing stays, neither a descriptor nor a part of it on disk.

import { close, closeWritten, open } from '../disk/descriptors.ts'
import type { FileSystem } from '../disk/file-system.ts'
import { ignoreMissing } from '../disk/paths.ts'
import { ioError } from '../errors.ts'
import { CREATE_FLAGS } from '../session/root.ts'
import type { Session } from '../session/session.ts'
import { fill } from '../streams/fill.ts'
import type { Intake } from '../streams/intake.ts'
import type { PreparedReceive } from '../streams/receive-options.ts'
import type { ReceivedFile, WriteResult } from '../types.ts'
import { FileEntry } from './file.ts'
import type { Naming } from './naming.ts'
import { giveUp, giveUpSync, reserve, type Slot } from './slot.ts'

const MODE = 0o600

/** A received file: a file, and what was learnt on the way. */
class ReceivedFileEntry extends FileEntry implements ReceivedFile {
  readonly #result: WriteResult

  constructor(slot: Slot, naming: Naming, result: WriteResult) {
    super(slot.session, slot.sequence, naming.affixes, slot.holding)
    this.#result = result
    this.charge(result.bytes)
  }

  get bytes(): number {
    return this.#result.bytes
  }

  get digest(): string | undefined {
    return this.#result.digest
  }

  get detectedType(): string | undefined {
    return this.#result.detectedType
  }
}

/** Makes a file: open(2) and close(2). Throws the system's error, or ERR_TEMP_QUOTA. */
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

/** As {@link createFile}, without holding the event loop. */
export async function createFileAsync(session: Session, naming: Naming): Promise<FileEntry> {
  const slot = reserve(session, naming, MODE)
  await close(session.context.fs, await openNew(slot))
  return new FileEntry(session, slot.sequence, naming.affixes, slot.holding).announce()
}

/** Makes a file and fills it from `intake`; on any failure nothing of it stays. */
export async function receiveFile(
  session: Session,
  naming: Naming,
  intake: Intake,
  prepared: PreparedReceive,
): Promise<ReceivedFileEntry> {
  const { quota } = session
  const { fs } = session.context
  const slot = reserve(session, naming, MODE)
  const fd = await openNew(slot)
  let result: WriteResult
  try {
    result = await fill({ fs, fd, directory: session.path, quota }, intake, prepared)
  } catch (error) {
    await close(fs, fd)
    await discard(slot)
    throw error
  }
  try {
    await closeWritten(fs, fd)
  } catch (error) {
    quota.giveBack(result.bytes)
    await discard(slot)
    throw ioError(error, 'write a temporary file', slot.path)
  }
  const file = new ReceivedFileEntry(slot, naming, result).announce()
  if (prepared.validate === undefined) return file
  try {
    await prepared.validate(file)
  } catch (error) {
    await file.remove()
    throw error
  }
  return file
}

async function openNew(slot: Slot): Promise<number> {
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

/** Closes the descriptor when it fails: nobody else would. */
function setMode(fs: FileSystem, fd: number, mode: number): void {
  try {
    fs.fchmodSync(fd, mode)
  } catch (error) {
    fs.closeSync(fd)
    throw error
  }
}

async function discard({ session, path, holding }: Slot): Promise<void> {
  const { quota } = session
  const { fs } = session.context
  quota.dropEntry()
  try {
    if (holding !== undefined) await holding.discard()
    else await ignoreMissing(() => fs.promises.unlink(path))
  } catch {
    // It stays in the session, and goes with it; the error that made us give up matters more.
  }
}
