// temp-file-manager/vitest: a temporary directory for each test. Guarantee: nothing of Vitest is loaded, so any version
// whose test context has `task` and `onTestFinished` works; the directory ends after the afterEach hooks and fixtures of
// its test, so a failure in one of them keeps it too. Vitest calls onTestFailed later.

import { optionError } from '../errors.ts'
import type { TempDir } from '../index.ts'
import { openTestDirectory, summaryOf, type TempDirOptions } from '../testing/test-directory.ts'

export type { TempDirOptions } from '../testing/test-directory.ts'

/** The part of Vitest's test context that is used. */
export interface VitestContext {
  readonly task: VitestTask
  onTestFinished(fn: () => Promise<void>): void
}

/** The part of Vitest's test that is used. */
export interface VitestTask {
  readonly name: string
  /** Declared by `test.fails`: its failure is a success. */
  readonly fails?: boolean | undefined
  readonly result?:
    | { readonly state?: string | undefined; readonly errors?: readonly unknown[] | undefined }
    | undefined
  /** The file, or the `describe` block, that contains it. */
  readonly suite?: { readonly name: string; readonly suite?: VitestTask['suite'] } | undefined
  readonly file?: { readonly name: string } | undefined
}

/** Fixtures for Vitest's `test.extend`. */
export interface TempDirFixtures {
  tempDir(
    context: VitestContext & Readonly<Record<never, never>>,
    use: (dir: TempDir) => Promise<void>,
  ): Promise<void>
}

/**
 * The temporary directory of a running test. It is removed when the test has ended; if the test failed, it is moved to
 * `kept/` of the root with the test's name, and its path is reported as a process warning.
 * @param context the context that Vitest passes to the test function
 * @throws ERR_TEMP_OPTION_INVALID, ERR_TEMP_NAME_INVALID, ERR_TEMP_NO_SPACE, ERR_TEMP_IO, ERR_TEMP_UNSAFE_ROOT
 * @example
 * ```ts no-run
 * import { writeFileSync } from 'node:fs'
 * import { tempDir } from 'temp-file-manager/vitest'
 * import { expect, test } from 'vitest'
 *
 * test('writes a report', (context) => {
 *   const dir = tempDir(context)
 *   writeFileSync(dir.join('report.txt'), 'done')
 *   expect(dir.join('report.txt')).toContain(dir.path)
 * })
 * ```
 */
export function tempDir(context: VitestContext, options?: TempDirOptions): TempDir {
  if (typeof context?.onTestFinished !== 'function' || context.task === undefined)
    throw optionError('context', 'tempDir needs the context that Vitest passes to the test function.')
  const { task } = context
  const { dir, end } = openTestDirectory(options)
  context.onTestFinished(() => end(failureOf(task)))
  return dir
}

/**
 * The fixture `tempDir` for `test.extend`: each test that names it in its context gets a directory of its own,
 * see {@link tempDir}.
 * @throws ERR_TEMP_OPTION_INVALID, when a test uses it
 * @example
 * ```ts no-run
 * import { writeFileSync } from 'node:fs'
 * import { tempDirFixture } from 'temp-file-manager/vitest'
 * import { test as base } from 'vitest'
 *
 * const test = base.extend(tempDirFixture())
 *
 * test('writes a report', ({ tempDir }) => {
 *   writeFileSync(tempDir.join('report.txt'), 'done')
 * })
 * ```
 */
export function tempDirFixture(options?: TempDirOptions): TempDirFixtures {
  return {
    // Vitest reads from the source text which parts of the context a fixture uses.
    tempDir: async ({ task, onTestFinished }, use) => use(tempDir({ task, onTestFinished }, options)),
  }
}

/** Errors of a test's attempts that have ended: its result lists those of all, and `repeats` keeps the state 'fail'. */
const earlierErrors = new WeakMap<object, number>()

function failureOf(task: VitestTask): string | undefined {
  const { result = {} } = task
  const { errors = [] } = result
  const earlier = earlierErrors.get(result) ?? 0
  earlierErrors.set(result, errors.length)
  const failed = result.state === 'fail' && (earlier === 0 || errors.length > earlier)
  if (failed === (task.fails === true)) return undefined
  const error = errors[earlier]
  return `${fullName(task)}: ${error === undefined ? 'it passed, but was expected to fail' : summaryOf(error)}`
}

/** 'test/report.test.ts > reports > writes a report'. */
function fullName(task: VitestTask): string {
  const names = [task.name]
  for (let { suite } = task; suite !== undefined; { suite } = suite) names.unshift(suite.name)
  const file = task.file?.name
  if (file !== undefined && names[0] !== file) names.unshift(file)
  return names.join(' > ')
}
