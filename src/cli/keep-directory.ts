// Keeps the directory of a failed run under the root's kept/, for the person who looks for the cause.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { TempDir, TempFileManager } from '../index.ts'

/** Moves `dir` to kept/ and returns its new path. It stays there until a person removes it. */
export async function keepDirectory(manager: TempFileManager, dir: TempDir): Promise<string> {
  const kept = join(manager.root, 'kept')
  mkdirSync(kept, { recursive: true, mode: 0o700 })
  const time = new Date().toISOString().replaceAll(/[:.]/g, '-')
  return await dir.persist(join(kept, `run-${time}-${process.pid}`), { durable: false })
}
