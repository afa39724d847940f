// The temporary directory of one test, for every test runner. Guarantee: it is removed when its test has passed and moved
// to kept/ with the test's name when it has failed; the first one of a process also sweeps what killed runs left, by the
// kernel's proof of their death; while no test uses a directory, no session is left behind.

import { messageOf, optionError } from '../errors.ts'
import { type Preserve, type TempDir, TempFileManager, type TempScope } from '../index.ts'
import { type Kind, optionsOf, text, unchecked } from '../input/options.ts'
import { log } from '../runtime/observe.ts'

/** Options of a test's directory. */
export interface TempDirOptions {
  /** The root's name, as in {@link TempFileManagerOptions.name}. Default 'temp-file-manager-tests'. */
  name?: string | undefined
  /** As {@link TempFileManagerOptions.baseDir}. */
  baseDir?: string | undefined
  /**
   * The directories that are kept of failed tests, in `kept/` of the root: 'on-error' (default) the newest 3 directories,
   * `{ count, age }` another number or an age, false nothing.
   */
  preserve?:
    | false
    | 'on-error'
    | { count?: number | undefined; age?: number | string | undefined }
    | undefined
  /** The end of the directory's name. */
  suffix?: string | undefined
}

/** A test's directory, until the test ends. */
export interface TestDirectory {
  readonly dir: TempDir
  /** Removes the directory, or keeps it if there is a `failure`: the test's name and error. */
  end(failure: string | undefined): Promise<void>
}

/** The manager of all tests that run now with the same options. */
interface Shared {
  readonly manager: TempFileManager
  /** The sweep of this process has ended. */
  readonly swept: Promise<void>
  tests: number
}

const byTempFileManager = unchecked<Preserve>()

const failuresOnly: Kind<Preserve> = (value, option) => {
  if (value === true)
    throw optionError(option, `${option} must be false, 'on-error' or an object with count or age.`)
  return byTempFileManager(value, option)
}

const checkOptions = optionsOf('tempDir', {
  name: unchecked<string>(), // by TempFileManager, as baseDir
  baseDir: unchecked<string>(),
  preserve: failuresOnly,
  suffix: text,
})

const DEFAULT_NAME = 'temp-file-manager-tests'
/** No test waits longer for a sweep; the next run continues it. */
const SWEEP_LIMIT = '5s'

const inUse = new Map<string, Shared>()
/** Roots that this process has swept. */
const sweptRoots = new Set<string>()

/** Creates the directory of a test. @throws ERR_TEMP_OPTION_INVALID and the codes of {@link TempFileManager.dir} */
export function openTestDirectory(options?: TempDirOptions): TestDirectory {
  const { name = DEFAULT_NAME, baseDir, preserve = 'on-error', suffix } = checkOptions(options)
  const key = JSON.stringify([name, baseDir, preserve])
  const shared = inUse.get(key) ?? open({ name, baseDir, preserve })
  inUse.set(key, shared)
  shared.tests++
  const release = async (): Promise<void> => {
    if (--shared.tests > 0) return
    inUse.delete(key)
    await shared.swept
    await shared.manager.close()
  }
  let scope: TempScope
  try {
    scope = shared.manager.scope()
    const dir = scope.dir(suffix)
    return { dir, end: (failure) => end(scope, failure, release) }
  } catch (error) {
    void release()
    throw error
  }
}

function open(options: { name: string; baseDir: string | undefined; preserve: Preserve }): Shared {
  const manager = new TempFileManager({ ...options, sweep: { onStart: false, every: false } })
  return { manager, swept: sweepOnce(manager), tests: 0 }
}

/** Removes what killed runs left, once a process. Never rejects: a test does not fail for what others left. */
async function sweepOnce(manager: TempFileManager): Promise<void> {
  if (sweptRoots.has(manager.root)) return
  sweptRoots.add(manager.root)
  try {
    await manager.sweep({ timeLimit: SWEEP_LIMIT })
  } catch (error) {
    log.sweep('the sweep before the tests failed: %s', messageOf(error))
  }
}

async function end(
  scope: TempScope,
  failure: string | undefined,
  release: () => Promise<void>,
): Promise<void> {
  try {
    if (failure !== undefined) scope.fail(failure)
    await scope.close()
  } finally {
    await release()
  }
}

/** The first line of an error, for the reason of what is kept. */
export function summaryOf(error: unknown): string {
  const message =
    typeof error === 'object' && error !== null && 'message' in error ? error.message : (error ?? 'it failed')
  return String(message).split('\n')[0] ?? ''
}
