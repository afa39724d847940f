// temp-file-manager/node-test: a temporary directory for each test of node:test. Guarantee: it ends after the test
// function, and is kept when that failed.

import { optionError } from '../errors.ts'
import type { TempDir } from '../index.ts'
import { openTestDirectory, summaryOf, type TempDirOptions } from '../testing/test-directory.ts'

export type { TempDirOptions } from '../testing/test-directory.ts'

/** The part of node:test's test context that is used. `error`: Node 20.12, 21.7 and later. */
export interface NodeTestContext {
  readonly name: string
  readonly fullName?: string | undefined
  readonly filePath?: string | undefined
  readonly error?: unknown
  after(fn: () => Promise<void>): void
}

/**
 * The temporary directory of a running test. It is removed when the test has ended; if the test function failed, it is
 * moved to `kept/` of the root with the test's name, and its path is reported as a process warning. A test that fails
 * only by one of its subtests has not failed at that time: call `tempDir` with the subtest's context.
 * @param context the context that node:test passes to the test function
 * @throws ERR_TEMP_OPTION_INVALID, ERR_TEMP_NAME_INVALID, ERR_TEMP_NO_SPACE, ERR_TEMP_IO, ERR_TEMP_UNSAFE_ROOT
 * @example
 * ```ts no-run
 * import { writeFileSync } from 'node:fs'
 * import { test } from 'node:test'
 * import { tempDir } from 'temp-file-manager/node-test'
 *
 * test('writes a report', (t) => {
 *   const dir = tempDir(t)
 *   writeFileSync(dir.join('report.txt'), 'done')
 * })
 * ```
 */
export function tempDir(context: NodeTestContext, options?: TempDirOptions): TempDir {
  if (typeof context?.after !== 'function')
    throw optionError('context', 'tempDir needs the context that node:test passes to the test function.')
  const { dir, end } = openTestDirectory(options)
  context.after(() => end(failureOf(context)))
  return dir
}

function failureOf({ error, name, fullName, filePath }: NodeTestContext): string | undefined {
  if (error === undefined || error === null) return undefined
  const file = filePath === undefined ? '' : `${filePath} > `
  const cause = typeof error === 'object' && 'cause' in error ? error.cause : undefined // node:test wraps the error
  return `${file}${fullName ?? name}: ${summaryOf(cause ?? error)}`
}
