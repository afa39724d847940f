// The three removals, for tests of what holds for each of them.

import { expect } from 'vitest'
import type { FileSystem } from '../../../src/disk/file-system.ts'
import {
  type RemoveOptions,
  type RemoveReport,
  removeTree,
  removeTreeSliced,
  removeTreeSync,
} from '../../../src/disk/remove/remove.ts'

type Remove = (fs: FileSystem, path: string, options?: RemoveOptions) => Promise<RemoveReport>

export const DRIVERS: [string, Remove][] = [
  ['removeTreeSync', async (fs, path, options) => removeTreeSync(fs, path, options)],
  ['removeTree', removeTree],
  ['removeTreeSliced', removeTreeSliced],
]

/** Fails unless everything was removed. */
export function complete(report: RemoveReport): RemoveReport {
  expect(report.errors).toEqual([])
  expect(report.kept).toEqual([])
  return report
}
