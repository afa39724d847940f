// A session whose owner was killed, for tests of the command line.

import { runChild } from '../fixtures/child.ts'

/** Leaves a session whose owner was killed; it had claimed the ticket. */
export async function leaveTheDead(baseDir: string, ticket?: string): Promise<void> {
  await runChild('cli-owner.ts', { args: [baseDir, ...(ticket === undefined ? [] : [ticket])] })
}
