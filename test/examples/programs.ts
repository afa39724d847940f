// Runs the examples as a reader would: a process of its own, from the checkout, on the built package, with a
// temp directory of the test's own. Guarantee: no example outlives its test.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll } from 'vitest'

export const checkout = fileURLToPath(new URL('../../', import.meta.url))

export interface Ended {
  readonly status: number | null
  readonly output: string
}

const running = new Set<ChildProcess>()
const directories: string[] = []

/** Ends what a test started, by pid, and removes its directories; call it once at the top of a test file. */
export function cleanUpAfterEach(): void {
  beforeAll(() => {
    if (!existsSync(join(checkout, 'dist/fastify/index.js'))) {
      throw new Error('The examples run on the built package: run `npm run build` first.')
    }
  })
  afterEach(async () => {
    await Promise.all(
      [...running].map(async (child) => {
        child.kill('SIGKILL')
        await once(child, 'exit')
      }),
    )
    await Promise.all(directories.splice(0).map((path) => rm(path, { recursive: true, force: true })))
  })
}

/** A directory for one test, below the system's temp directory. */
export async function ownDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'examples-'))
  directories.push(path)
  return path
}

/** Runs an example to its end. Its temp files and its `os.tmpdir()` are in `directory`. */
export async function run(program: string, directory: string, env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const child = spawn(process.execPath, ['--import', 'tsx', join('examples', program)], {
    cwd: checkout,
    env: { ...process.env, TMPDIR: directory, TEMP_FILE_MANAGER_DIR: directory, NO_COLOR: undefined, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  await once(child, 'close')
  running.delete(child)
  return { status: child.exitCode, output }
}

/** Whether a program can be started here. */
export function have(program: string, option = '--version'): boolean {
  try {
    execFileSync(program, [option], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Every file below a directory that is not empty of meaning: paths, relative. */
export async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  // tsx keeps its compiled modules in the temp directory; they are its own business.
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes('/tsx-'))
}
