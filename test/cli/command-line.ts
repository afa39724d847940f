// Runs the real command line, as built, as a shell would. Guarantee: what is returned is all that it wrote, and its status.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, watch } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ORDINARY } from '../fixtures/mounts.ts'

export const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
/** The command line, to which arguments are added. */
export const COMMAND: readonly string[] = [process.execPath, MAIN]

export interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

type Env = Readonly<Record<string, string | undefined>>

/** Runs it with pipes for standard output and error. */
export async function run(args: readonly string[], env: Env = {}): Promise<Ran> {
  return await capture([...COMMAND, ...args], env)
}

/**
 * What a command line begins with so that it runs as an ordinary user, who owns `base`. Root may search and write every
 * directory; another user is ordinary as it is.
 */
export function asOrdinaryUser(base: string): readonly string[] {
  if (process.getuid?.() !== 0) return []
  chownSync(base, ORDINARY, ORDINARY)
  return ['setpriv', `--reuid=${ORDINARY}`, `--regid=${ORDINARY}`, '--clear-groups']
}

/** Runs it on a pseudo terminal (util-linux's script(1)); both streams come as one. */
export async function runOnTerminal(args: readonly string[], env: Env = {}): Promise<Ran> {
  const line = [...COMMAND, ...args].map((word) => `'${word}'`).join(' ')
  return await capture(['script', '-qefc', line, '/dev/null'], { TERM: 'xterm-256color', ...env })
}

/** Runs it with `head -1` for a reader; the status is its own. */
export async function runIntoHead(args: readonly string[]): Promise<Ran> {
  const line = [...COMMAND, ...args].map((word) => `'${word}'`).join(' ')
  return await capture(['bash', '-c', `set -o pipefail; ${line} | head -1`], {})
}

/** Runs it, and sends SIGINT once `file` is there. */
export async function interruptAt(file: string, args: readonly string[]): Promise<Ran> {
  return await capture([...COMMAND, ...args], {}, (child) => {
    const watcher = watch(dirname(file), () => {
      if (!existsSync(file)) return
      watcher.close()
      child.kill('SIGINT')
    })
    child.once('close', () => watcher.close())
  })
}

export async function capture(
  [program = '', ...args]: readonly string[],
  env: Env,
  attend?: (child: ChildProcess) => void,
): Promise<Ran> {
  const clean = {
    ...process.env,
    NO_COLOR: undefined,
    FORCE_COLOR: undefined,
    TEMP_FILE_MANAGER_DIR: undefined,
  }
  const child = spawn(program, args, { env: { ...clean, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  attend?.(child)
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  await once(child, 'close')
  return { status: child.exitCode, stdout, stderr }
}
