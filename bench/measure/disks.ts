// The disks that a row is measured on: the one of the run, and one of the other kind (tmpfs, or one with blocks).

import { existsSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'

/** By statfs(2). */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  61267: 'ext4',
  16914836: 'tmpfs',
  1481003842: 'xfs',
  2435016766: 'btrfs',
}

export interface Disk {
  /** Kind of its file system. */
  readonly name: string
  readonly directory: string
}

export function fileSystemOf(directory: string): string {
  return FILE_SYSTEMS[statfsSync(directory).type] ?? 'another file system'
}

/** Calls `work` with the disk of `directory`, then with one of the other kind where there is one. */
export async function onEachDisk<T>(directory: string, work: (disk: Disk) => Promise<T[]>): Promise<T[]> {
  const first = { name: fileSystemOf(directory), directory }
  const results = await work(first)
  const base = ['/dev/shm', '/var/tmp'].find((path) => existsSync(path) && fileSystemOf(path) !== first.name)
  if (base === undefined) return results
  const other = mkdtempSync(`${base}/bench-`)
  try {
    return [...results, ...(await work({ name: fileSystemOf(other), directory: other }))]
  } finally {
    rmSync(other, { recursive: true, force: true })
  }
}
