// Decides which partial uploads are overdue. Guarantee: the time to live counts from the last byte, no wall clock that was
// just set expires an upload, and one that was claimed and given back between the look and the rename is renamed back
// whole.
//   1. overdue at a first look: rename uploads/<id> to .dead-<id>-<random>
//   2. look again: younger now: rename it back; still overdue: .gone-, the commit
// The state file's times carry the boot clock of the last byte, upload.json has that of the creation inside.

import { isDirectoryAt, namesIfThere, renameIfThere } from '../disk/paths.ts'
import { renameInto } from '../disk/rename-into.ts'
import { errnoOf } from '../errors.ts'
import { DATA, deadName, goneName, inside, type Root, UPLOAD_RECORD } from '../layout.ts'
import { type Stamp, stampOf } from '../liveness/boot-clock.ts'
import { channels } from '../runtime/observe.ts'
import { type Clocks, waitOf } from './expiry.ts'
import { readUpload } from './upload-record.ts'
import { readState, type UploadState } from './upload-state.ts'

/** Milliseconds until a sweep may remove it, negative when it may now; undefined when that cannot be known. */
export function leftOf(root: Root, directory: string, id: string, clocks: Clocks): number | undefined {
  const read = readUpload(root, directory, id)
  const state = readState(root, directory)
  if (read.state !== 'read' || state === undefined) return undefined
  const waited = waitedSince(lastByteAt(root, directory, state), clocks)
  const written = stampAt(root, inside(directory, UPLOAD_RECORD))
  const existed = waitedSince(written && { ...written, ...read.record.createdInBoot }, clocks)
  if (waited === undefined || existed === undefined) return undefined
  const left = Math.min(read.record.ttl - waited.ageMs, read.record.maxAge - existed.ageMs)
  return waited.graceMs > 0 ? Math.max(left, waited.graceMs) : left
}

/** Milliseconds since the last byte; of a finished upload since its end. */
export function ageOf(root: Root, directory: string, state: UploadState, clocks: Clocks): number | undefined {
  return waitedSince(lastByteAt(root, directory, state), clocks)?.ageMs
}

function waitedSince(stamp: Stamp | undefined, clocks: Clocks): ReturnType<typeof waitOf> {
  return stamp === undefined ? undefined : waitOf(stamp, clocks)
}

/** Suspects, looks again, commits. Returns where the condemned upload is, or undefined when it stays. */
export function expireUpload(root: Root, id: string, clocks: Clocks): string | undefined {
  const tombstone = inside(root.layout.sessions, deadName(id))
  if (!renameIfThere(root.fs, inside(root.layout.uploads, id), tombstone)) return undefined
  return settleUploadExpiry(root, tombstone, id, clocks)
}

/** The second look, at a tombstone that may also be another sweeper's. */
export function settleUploadExpiry(
  root: Root,
  tombstone: string,
  id: string,
  clocks: Clocks,
): string | undefined {
  const { fs, layout } = root
  const left = clocks.volume === undefined ? undefined : leftOf(root, tombstone, id, clocks)
  if (left === undefined || left >= 0) {
    renameInto(fs, tombstone, inside(layout.uploads, id))
    return undefined
  }
  const gone = inside(layout.sessions, goneName(id))
  if (!renameIfThere(fs, tombstone, gone)) return undefined
  if (channels.upload.hasSubscribers) channels.upload.publish({ id, event: 'expired' })
  return gone
}

/** When the last byte came; of a finished upload when it was finished. */
export function lastByteAt(root: Root, directory: string, state: UploadState): Stamp | undefined {
  const stamp = stampAt(root, inside(directory, state.name))
  const data = inside(directory, DATA)
  const [name] = state.done || !isDirectoryAt(root.fs, data) ? [] : (namesIfThere(root.fs, data) ?? [])
  const written = name === undefined ? undefined : stampAt(root, inside(data, name))
  if (stamp === undefined || written === undefined) return stamp
  // Renaming the state file sets its ctime also where no byte came: the volume's time is that of the data.
  return { ...stamp, volumeMs: written.volumeMs }
}

function stampAt({ fs }: Root, path: string): Stamp | undefined {
  try {
    return stampOf(fs.lstatSync(path))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}
