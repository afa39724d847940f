// The content of a temporary file. Guarantee: descriptors are held only by streams, handles and writes that the user
// started, and those are closed before the file is removed; a failed write leaves an empty file.

import { constants } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import type { Readable, Writable } from 'node:stream'
import { close, closeWritten, open } from '../disk/descriptors.ts'
import { isMissing, statsOf } from '../disk/paths.ts'
import { errnoOf, ioError, TempFileError } from '../errors.ts'
import { operations } from '../on-demand.ts'
import { joinSignals } from '../runtime/abort.ts'
import { type Intake, openIntake } from '../streams/intake.ts'
import type { PreparedReceive } from '../streams/receive-options.ts'
import type {
  ByteSource,
  ReadStreamOptions,
  ReceiveOptions,
  TempFile,
  WriteResult,
  WriteStreamOptions,
} from '../types.ts'
import {
  canWrite,
  checkBlob,
  checkFlags,
  checkReadStream,
  checkWriteStream,
  withoutFollowing,
} from './content-options.ts'
import { removedError } from './failure.ts'
import type { LiveEntry } from './live-entry.ts'
import { asOnlyWrite } from './only-write.ts'
import { streamResource } from './resources.ts'
import { runValidate } from './run-validate.ts'

const NO_FOLLOW = constants.O_NOFOLLOW ?? 0

type File = LiveEntry & TempFile

/** A finished write, and the rule that is checked when the file is whole. */
interface Written {
  readonly result: WriteResult
  readonly validate: PreparedReceive['validate']
  readonly signal: AbortSignal | undefined
}

/** @throws as TempFile.write */
export async function writeTo(file: File, source: ByteSource, options: ReceiveOptions): Promise<WriteResult> {
  const keep = options?.keepSource === true
  const intake = openIntake(source, keep) // first: the source may fail while the file is being opened
  try {
    file.requireLive('write to')
    return await asOnlyWrite(file, () => write(file, intake, options))
  } catch (error) {
    intake.stop(error, keep)
    throw error
  }
}

async function write(file: File, intake: Intake, options: ReceiveOptions): Promise<WriteResult> {
  // The end of the file ends the write, and a partly written file is never handed off or persisted.
  const ending = new AbortController()
  const work = writeUntil(file, ending.signal, intake, options)
  const settled = work.then(nothing, nothing)
  const done = file.track({
    writes: true,
    close: () => {
      ending.abort(removedError('This temporary file was removed while it was written.'))
      return settled
    },
  })
  const written = await work.finally(done)
  await validateWritten(file, written)
  return written.result
}

/** Runs the last stage of the rules, which may read the file, until it answers or the file ends. */
async function validateWritten(file: File, { result, validate, signal }: Written): Promise<void> {
  if (validate === undefined) return
  const ending = new AbortController()
  const done = file.track({
    writes: false,
    close: async () => ending.abort(removedError('This temporary file was removed while it was validated.')),
  })
  try {
    await runValidate(validate, file, [ending.signal, signal], result.bytes)
  } catch (error) {
    if (!file.disposed) {
      recharge(file, 0)
      empty(file)
    }
    throw error
  } finally {
    done()
  }
}

async function writeUntil(
  file: File,
  ending: AbortSignal,
  intake: Intake,
  options: ReceiveOptions,
): Promise<Written> {
  const { checkReceiveOptions } = await operations()
  const prepared = checkReceiveOptions(options)
  const { signal, detach } = joinSignals(ending, prepared.signal)
  try {
    const result = await replaceBy(file, intake, { ...prepared, signal })
    return { result, validate: prepared.validate, signal: prepared.signal }
  } finally {
    detach()
  }
}

async function replaceBy(file: File, intake: Intake, prepared: PreparedReceive): Promise<WriteResult> {
  const { fs } = file.context
  const { quota } = file.session
  const fd = await reach(file, (path) =>
    open(fs, path, constants.O_WRONLY | constants.O_TRUNC | NO_FOLLOW, 0o600),
  )
  recharge(file, 0)
  let result: WriteResult
  try {
    const { fill } = await operations()
    result = await fill({ fs, fd, directory: file.session.path, quota }, intake, prepared)
  } catch (error) {
    await close(fs, fd)
    empty(file)
    throw error
  }
  try {
    await closeWritten(fs, fd)
  } catch (error) {
    quota.giveBack(result.bytes)
    empty(file)
    throw ioError(error, 'write a temporary file', file.path)
  }
  recharge(file, result.bytes)
  return result
}

/** Gives back what was counted for the old content; `bytes` are counted already. */
function recharge(file: File, bytes: number): void {
  const { quota } = file.session
  quota.giveBack(file.charged)
  file.charge(bytes)
  if (bytes > 0 && file.disposed) quota.giveBack(bytes)
}

/** @throws as TempFile.createReadStream */
export function readStreamOf(file: File, options: ReadStreamOptions): Readable {
  const checked = checkReadStream(options)
  file.requireLive('read')
  const flags = withoutFollowing('r')
  return watch(file, file.context.fs.createReadStream(file.path, { ...checked, flags }), false)
}

/** @throws as TempFile.createWriteStream */
export function writeStreamTo(file: File, options: WriteStreamOptions): Writable {
  const { flags = 'w', ...checked } = checkWriteStream(options)
  file.requireLive('write to')
  const numeric = withoutFollowing(flags)
  return watch(file, file.context.fs.createWriteStream(file.path, { ...checked, flags: numeric }), true)
}

/** @throws as TempFile.open */
export async function handleOf(file: File, flags: string | number): Promise<FileHandle> {
  checkFlags(flags, 'flags')
  file.requireLive('open')
  const numeric = withoutFollowing(flags)
  // The interface does not type handles; a file system returns its own FileHandle here.
  const opening = reach(file, (path) => file.context.fs.promises.open(path, numeric) as Promise<FileHandle>)
  let ending = false
  const done = file.track({
    writes: canWrite(flags),
    close: async () => {
      ending = true
      await opening.then((opened) => opened.close()).catch(nothing)
    },
  })
  let handle: FileHandle
  try {
    handle = await opening
  } catch (error) {
    done()
    throw error
  }
  if (ending) {
    done()
    throw removedError('This temporary file was removed while it was opened.')
  }
  const close = handle.close.bind(handle)
  handle.close = async () => {
    done()
    await close()
  }
  return handle
}

/** @throws as TempFile.blob */
export async function blobOf(file: File, options: { type?: string | undefined }): Promise<Blob> {
  const { type = '' } = checkBlob(options)
  file.requireLive('read')
  const { fs } = file.context
  return await reach(file, async (path) => {
    if ((await statsOf(fs, path)).isSymbolicLink())
      throw new TempFileError('ERR_TEMP_IO', 'A link took the place of this temporary file.', { path })
    return (await fs.openAsBlob?.(path, { type })) ?? new Blob([await fs.promises.readFile(path)], { type })
  })
}

/** @throws as TempFile.size */
export async function sizeOf(file: File): Promise<number> {
  file.requireLive('measure')
  return (await reach(file, (path) => statsOf(file.context.fs, path))).size
}

/** Registers a stream until its descriptor is closed. */
function watch<T extends Readable | Writable>(file: File, stream: T, writes: boolean): T {
  stream.once('close', file.track(streamResource(stream, writes)))
  return stream
}

// A failed write leaves an empty file, not a partial or a refused one.
function empty({ context, path }: File): void {
  const { fs } = context
  try {
    fs.closeSync(fs.openSync(path, constants.O_WRONLY | constants.O_TRUNC | NO_FOLLOW))
  } catch {
    // Removed, or not writable now: the caller needs the error of the write itself.
  }
}

/** Runs `work` on the file's path; once more if the session had another name. */
async function reach<T>(file: File, work: (path: string) => Promise<T>): Promise<T> {
  try {
    return await work(file.path)
  } catch (error) {
    if (!isGone(file, error) || !file.isBack()) throw openError(file, error)
  }
  return await work(file.path).catch((error: unknown) => {
    throw openError(file, error)
  })
}

/** A Blob of a missing file is ERR_INVALID_ARG_VALUE. */
function isGone({ context, path }: File, error: unknown): boolean {
  return errnoOf(error) === 'ENOENT' || isMissing(context.fs, path)
}

function openError(file: File, error: unknown): TempFileError {
  if (!isGone(file, error)) return ioError(error, 'open a temporary file', file.path)
  const why = file.disposed ? 'while it was opened' : 'by another program'
  return removedError(`This temporary file was removed ${why}.`, { cause: error, path: file.path })
}

function nothing(): void {}
