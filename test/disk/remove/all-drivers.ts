// The three removals, for tests of what holds for each of them, and the tree that a test removes.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect } from 'vitest'
import type { FileSystem } from '../../../src/disk/file-system.ts'
import {
  type RemoveOptions,
  type RemoveReport,
  removeTree,
  removeTreeSliced,
  removeTreeSync,
} from '../../../src/disk/remove/remove.ts'
import { tempBase } from '../../fixtures/temp-base.ts'

type Remove = (fs: FileSystem, path: string, options?: RemoveOptions) => Promise<RemoveReport>

export const DRIVERS: [string, Remove][] = [
  ['removeTreeSync', async (fs, path, options) => removeTreeSync(fs, path, options)],
  ['removeTree', removeTree],
  ['removeTreeSliced', removeTreeSliced],
]

/** The directory of one test, and the tree in it. */
export let base: string
export let tree: string

/** Makes both before each test. */
export function freshTree(): void {
  beforeEach(() => {
    base = tempBase()
    tree = join(base, 'tree')
    mkdirSync(tree)
  })
}

/** Fails unless everything was removed. */
export function complete(report: RemoveReport): RemoveReport {
  expect(report.errors).toEqual([])
  expect(report.kept).toEqual([])
  return report
}
