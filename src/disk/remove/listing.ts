// Reads a directory's entries, and sorts them into files and directories. Guarantee: a large directory is read
// in pieces, so that neither the event loop nor the heap gets a hundred thousand entries at once.

import type { DiskDirectory, DiskEntry, FileSystem } from '../file-system.ts'
import { joinPath, statsOf } from '../paths.ts'
import type { Emptied, Operation } from './operation.ts'

export type EmptyOperation = Extract<Operation, { kind: 'empty' }>

/**
 * From this size of the directory itself it is read in pieces: 64 KiB hold 1,500 to 3,500 names on ext4 and
 * tmpfs, which readdir lists in 1 to 3 ms; 100,000 names at once held the loop for 80 ms.
 */
const LARGE_DIRECTORY_BYTES = 64 * 1024
const PIECE = 512

/** All entries at once. */
export function listSync(fs: FileSystem, { path, asBytes }: EmptyOperation): DiskEntry[] {
  // With withFileTypes every implementation answers with Dirents; the loose interface declares unknown.
  return fs.readdirSync(path, { withFileTypes: true, encoding: encoding(asBytes) }) as DiskEntry[]
}

/** The entries in pieces, read synchronously, with room for the loop between the pieces. */
export function* pieces(fs: FileSystem, operation: EmptyOperation): Generator<DiskEntry[], void, void> {
  const size = operation.size ?? fs.lstatSync(operation.path).size
  if (size < LARGE_DIRECTORY_BYTES) return yield listSync(fs, operation)
  const directory = fs.opendirSync(operation.path, {
    encoding: encoding(operation.asBytes),
    bufferSize: PIECE,
  })
  try {
    for (let piece = take(directory); piece.length > 0; piece = take(directory)) yield piece
  } finally {
    directory.closeSync()
  }
}

function take(directory: DiskDirectory): DiskEntry[] {
  const piece: DiskEntry[] = []
  while (piece.length < PIECE) {
    const entry = directory.readSync()
    if (entry === null) break
    piece.push(entry)
  }
  return piece
}

/** The entries in pieces, read through the thread pool. */
export async function* piecesAsync(
  fs: FileSystem,
  operation: EmptyOperation,
): AsyncGenerator<DiskEntry[], void> {
  const { path, asBytes } = operation
  if ((operation.size ?? (await statsOf(fs, path)).size) < LARGE_DIRECTORY_BYTES) {
    // As in listSync.
    yield (await fs.promises.readdir(path, {
      withFileTypes: true,
      encoding: encoding(asBytes),
    })) as DiskEntry[]
    return
  }
  const directory = await fs.promises.opendir(path, { encoding: encoding(asBytes), bufferSize: PIECE })
  try {
    let piece: DiskEntry[] = []
    for (let entry = await directory.read(); entry !== null; entry = await directory.read()) {
      if (piece.push(entry) < PIECE) continue
      yield piece
      piece = []
    }
    yield piece
  } finally {
    await directory.close()
  }
}

export function emptied(): Emptied {
  return { directories: [], failures: [], mountPoints: [], undecoded: false }
}

/** Whether an entry is to be unlinked now; otherwise it is noted in `found`. */
export function isForUnlink(entry: DiskEntry, operation: EmptyOperation, found: Emptied): boolean {
  const { name } = entry
  // U+FFFD replaces bytes that are not UTF-8, or is itself the name: a second reading, as bytes, decides.
  if (!operation.asBytes && typeof name === 'string' && name.includes('\ufffd')) {
    found.undecoded = true
    return false
  }
  if (operation.mounts.size > 0) {
    const path = joinPath(operation.label, name).toString()
    if (operation.mounts.has(path)) {
      found.mountPoints.push(path)
      return false
    }
  }
  if (!entry.isDirectory()) return true
  found.directories.push(name)
  return false
}

function encoding(asBytes: boolean): 'buffer' | 'utf8' {
  return asBytes ? 'buffer' : 'utf8'
}
