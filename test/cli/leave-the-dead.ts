// A session whose owner was killed, for tests of the command line.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const OWNER = fileURLToPath(new URL('../fixtures/cli-owner.ts', import.meta.url))

/** Leaves a session whose owner was killed; it had claimed the ticket. */
export async function leaveTheDead(baseDir: string, ticket?: string): Promise<void> {
  const args = ['--import', 'tsx', OWNER, baseDir, ...(ticket === undefined ? [] : [ticket])]
  await promisify(execFile)(process.execPath, args).catch(() => {}) // it was killed, as it should be
}
