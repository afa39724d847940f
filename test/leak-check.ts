// The suite leaves the temporary directory as it found it. For one run of the suite TMPDIR is a directory of its
// own, so that everything that a test makes in os.tmpdir(), under any name, is seen here; what is there at the
// end fails the run.

import { chmodSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Caches that tools keep in the temporary directory on purpose: tsx's and Node's own. */
const TOOLS = /^(?:tsx-|node-compile-cache$|node-jiti$)/

/** The variables that os.tmpdir() reads: TMPDIR on POSIX, the others on Windows. */
const NAMES = process.platform === 'win32' ? ['TEMP', 'TMP'] : ['TMPDIR']

export default function checkForLeaks(): (() => void) | undefined {
  if (process.env['TFM_SUITE_TEMP'] !== undefined) return undefined // another project of this run checks
  const before = NAMES.map((name) => [name, process.env[name]] as const)
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'tfm-suite-')))
  chmodSync(directory, 0o1777) // as /tmp itself: some tests go on as an ordinary user
  for (const name of [...NAMES, 'TFM_SUITE_TEMP']) process.env[name] = directory
  return () => {
    const left = readdirSync(directory)
      .filter((name) => !TOOLS.test(name))
      .map((name) => `${name} (${inside(join(directory, name))})`)
    rmSync(directory, { recursive: true, force: true })
    delete process.env['TFM_SUITE_TEMP']
    for (const [name, value] of before)
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    if (left.length === 0) return
    process.exitCode = 1 // vitest prints what a teardown throws, and still exits with 0
    throw new Error(`The tests left ${left.length} things behind: ${left.join(', ')}`)
  }
}

/** A few names, which show the test that made it. */
function inside(path: string): string {
  try {
    return readdirSync(path, { recursive: true }).slice(0, 6).join(', ')
  } catch {
    return 'not a directory'
  }
}
