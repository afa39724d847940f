// Room for a commit rename. On a full btrfs rename(2) fails with ENOSPC, while unlink(2), which may use the file system's
// reserve, works (measured: Linux 6.18, a mixed image of 48 MiB; ext4 and xfs may need a block for a longer name).
// So the dead owner's own files are deleted in place, before the rename. Guarantee: its claims, its record and its lease
// stay, so it still proves dead and no handoff is lost.

import type { FileSystem } from '../disk/file-system.ts'
import { namesIn } from '../disk/paths.ts'
import { type RemoveReport, removeTreeSliced, removeTreeSync } from '../disk/remove/remove.ts'
import { isDiskFull } from '../errors.ts'
import { CLAIMS, HEARTBEAT, inside, LEASE, LEASE_2, OUTSIDE, OWNER } from '../layout.ts'

const KEPT_NAMES = new Set([CLAIMS, HEARTBEAT, LEASE, LEASE_2, OUTSIDE, OWNER])

/** Renames a session that its owner ends, or that proved dead; makes room where the disk is full. Throws the system's error. */
export function renameOnFullDisk(fs: FileSystem, session: string, to: string): void {
  try {
    fs.renameSync(session, to)
  } catch (error) {
    if (!isDiskFull(error)) throw error
    for (const path of ownFiles(fs, session)) removeTreeSync(fs, path)
    fs.renameSync(session, to)
  }
}

/** Deletes the files of a dead owner, in slices; returns one report for each entry. */
export async function makeRoom(
  fs: FileSystem,
  session: string,
  signal: AbortSignal | undefined,
): Promise<RemoveReport[]> {
  const reports: RemoveReport[] = []
  for (const path of ownFiles(fs, session)) reports.push(await removeTreeSliced(fs, path, { signal }))
  return reports
}

function ownFiles(fs: FileSystem, session: string): string[] {
  return namesIn(fs, session)
    .filter((name) => !KEPT_NAMES.has(name))
    .map((name) => inside(session, name))
}
