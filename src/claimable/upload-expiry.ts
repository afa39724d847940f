// Which partial uploads are overdue. Guarantee: the time to live counts from the last byte by the volume's clock, and an
// upload that was claimed and given back between the look and the rename is renamed back whole.
//   1. overdue at a first look: rename uploads/<id> to .dead-<id>-<random>
//   2. look again: younger now: rename it back; still overdue: .gone-, the commit

import { renameIfThere } from '../disk/paths.ts'
import { errnoOf } from '../errors.ts'
import { DATA, deadName, goneName, inside, type Root, UPLOAD_RECORD } from '../layout.ts'
import { readUpload } from './upload-record.ts'
import { readState, type UploadState } from './upload-state.ts'

/** Milliseconds until a sweep may remove it, negative when it may now; undefined when that cannot be known. */
export function leftOf(
  root: Root,
  directory: string,
  id: string,
  now: number | undefined,
): number | undefined {
  const read = readUpload(root, directory, id)
  const state = readState(root, directory)
  if (read.state !== 'read' || state === undefined || now === undefined) return undefined
  const last = lastByteAt(root, directory, state)
  const created = ctimeOf(root, inside(directory, UPLOAD_RECORD))
  if (last === undefined || created === undefined) return undefined
  return Math.min(last + read.record.ttl, created + read.record.maxAge) - now
}

/** Suspects, looks again, commits. Returns where the condemned upload is, or undefined when it stays. */
export function expireUpload(root: Root, id: string, now: number): string | undefined {
  const tombstone = inside(root.layout.sessions, deadName(id))
  if (!renameIfThere(root.fs, inside(root.layout.uploads, id), tombstone)) return undefined
  return settleUploadExpiry(root, tombstone, id, now)
}

/** The second look, at a tombstone that may also be another sweeper's. */
export function settleUploadExpiry(
  root: Root,
  tombstone: string,
  id: string,
  now: number | undefined,
): string | undefined {
  const { fs, layout } = root
  const left = leftOf(root, tombstone, id, now)
  if (left === undefined || left >= 0) {
    renameIfThere(fs, tombstone, inside(layout.uploads, id))
    return undefined
  }
  const gone = inside(layout.sessions, goneName(id))
  return renameIfThere(fs, tombstone, gone) ? gone : undefined
}

/** The volume's time of the last byte, in milliseconds; of a finished upload the time of its end. */
export function lastByteAt(root: Root, directory: string, state: UploadState): number | undefined {
  if (state.done) return ctimeOf(root, inside(directory, state.name))
  const data = inside(directory, DATA)
  const [name] = namesIn(root, data)
  return name === undefined ? ctimeOf(root, inside(directory, state.name)) : ctimeOf(root, inside(data, name))
}

function namesIn({ fs }: Root, directory: string): string[] {
  try {
    return fs.readdirSync(directory).map(String)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return []
    throw error
  }
}

function ctimeOf({ fs }: Root, path: string): number | undefined {
  try {
    return fs.lstatSync(path).ctimeMs
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}
