// Making a file, empty or from a source. Promise: an empty one is exactly open and close; of one whose source
// failed nothing stays, neither a descriptor nor a part of it on disk.

import { close, closeWritten, open } from '../disk/descriptors.ts'
import { ioError } from '../errors.ts'
import { inside } from '../session/layout.ts'
import { CREATE_FLAGS } from '../session/root.ts'
import { creationError, type Session } from '../session/session.ts'
import { fill, type PreparedReceive, type WriteResult } from '../streams/receive.ts'
import type { Source } from '../streams/source.ts'
import { makeWrapper } from './exact-name.ts'
import { FileEntry } from './file.ts'
import { fineIfGone, type Holding } from './holding.ts'
import { type Naming, nameOf } from './naming.ts'
import type { ReceivedFile } from './types.ts'

/** A received file: a file, and what was learnt on the way. */
class ReceivedFileEntry extends FileEntry implements ReceivedFile {
  readonly #result: WriteResult

  constructor(
    session: Session,
    sequence: number,
    naming: Naming,
    holding: Holding | undefined,
    result: WriteResult,
  ) {
    super(session, sequence, naming.affixes, holding)
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
  const { context } = session
  const { fs } = context
  context.quota.addEntry()
  const sequence = ++session.sequence
  let holding: Holding | undefined
  try {
    if (naming.exact !== undefined) holding = makeWrapper(session, sequence, naming.affixes, naming.exact)
    const path = holding?.path ?? inside(session.path, nameOf(session, sequence, naming.affixes))
    const fd = fs.openSync(path, CREATE_FLAGS, naming.mode ?? 0o600)
    if (session.mendsModes || naming.mode !== undefined) setMode(session, fd, naming)
    fs.closeSync(fd)
  } catch (error) {
    context.quota.dropEntry()
    holding?.discardSync()
    throw creationError(error, session.path)
  }
  context.counters.filesCreated++
  return new FileEntry(session, sequence, naming.affixes, holding).announce()
}

/** As {@link createFile}, without holding the event loop. */
export async function createFileAsync(session: Session, naming: Naming): Promise<FileEntry> {
  const opened = await openNew(session, naming)
  await close(session.context.fs, opened.fd)
  return new FileEntry(session, opened.sequence, naming.affixes, opened.holding).announce()
}

/** Makes a file and fills it from `source`; on any failure nothing of it stays. */
export async function receiveFile(
  session: Session,
  naming: Naming,
  source: Source,
  prepared: PreparedReceive,
): Promise<ReceivedFileEntry> {
  const { fs, quota } = session.context
  const opened = await openNew(session, naming)
  const { fd, path, holding, sequence } = opened
  let result: WriteResult
  try {
    result = await fill({ fs, fd, directory: session.path, quota }, source, prepared)
  } catch (error) {
    await close(fs, fd)
    await discard(session, path, holding)
    throw error
  }
  try {
    await closeWritten(fs, fd)
  } catch (error) {
    quota.giveBack(result.bytes)
    await discard(session, path, holding)
    throw ioError(error, 'write a temporary file', path)
  }
  const file = new ReceivedFileEntry(session, sequence, naming, holding, result).announce()
  if (prepared.inspect === undefined) return file
  try {
    await prepared.inspect(file)
  } catch (error) {
    await file.remove()
    throw error
  }
  return file
}

interface Opened {
  readonly fd: number
  readonly path: string
  readonly sequence: number
  readonly holding: Holding | undefined
}

async function openNew(session: Session, naming: Naming): Promise<Opened> {
  const { context } = session
  context.quota.addEntry()
  const sequence = ++session.sequence
  let holding: Holding | undefined
  try {
    if (naming.exact !== undefined) holding = makeWrapper(session, sequence, naming.affixes, naming.exact)
    const path = holding?.path ?? inside(session.path, nameOf(session, sequence, naming.affixes))
    const fd = await open(context.fs, path, CREATE_FLAGS, naming.mode ?? 0o600)
    if (session.mendsModes || naming.mode !== undefined) setMode(session, fd, naming)
    context.counters.filesCreated++
    return { fd, path, sequence, holding }
  } catch (error) {
    context.quota.dropEntry()
    await holding?.discard()
    throw creationError(error, session.path)
  }
}

/** Closes the descriptor when it fails: nobody else would. */
function setMode(session: Session, fd: number, naming: Naming): void {
  const { fs } = session.context
  try {
    fs.fchmodSync(fd, naming.mode ?? 0o600)
  } catch (error) {
    fs.closeSync(fd)
    throw error
  }
}

async function discard(session: Session, path: string, holding: Holding | undefined): Promise<void> {
  session.context.quota.dropEntry()
  try {
    if (holding !== undefined) await holding.discard()
    else await fineIfGone(() => session.context.fs.promises.unlink(path))
  } catch {
    // It stays in the session, and goes with it; the error that made us give up matters more.
  }
}
