// Creating a file from a source. Guarantee: a source that fails leaves nothing, neither a descriptor nor a partial file.

import { close, closeWritten } from '../disk/descriptors.ts'
import { ignoreMissing } from '../disk/paths.ts'
import { ioError } from '../errors.ts'
import type { Session } from '../session/session.ts'
import { fill } from '../streams/fill.ts'
import type { Intake } from '../streams/intake.ts'
import type { PreparedReceive } from '../streams/receive-options.ts'
import type { ReceivedFile, WriteResult } from '../types.ts'
import { MODE, openNew } from './create.ts'
import { FileEntry } from './file.ts'
import type { Naming } from './naming.ts'
import { runValidate } from './run-validate.ts'
import { reserve, type Slot } from './slot.ts'

/** A file, with the size, digest and type found while it was received. */
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

/** Creates a file and fills it from `intake`. Rejects with the first error, after the file was removed. */
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
    await runValidate(prepared.validate, file, [prepared.signal], result.bytes)
  } catch (error) {
    await file.remove()
    throw error
  }
  return file
}

async function discard({ session, path, holding }: Slot): Promise<void> {
  const { quota } = session
  const { fs } = session.context
  quota.dropEntry()
  try {
    if (holding !== undefined) await holding.discard()
    else await ignoreMissing(() => fs.promises.unlink(path))
  } catch {
    // It stays in the session and is removed with it; the caller needs the first error.
  }
}
