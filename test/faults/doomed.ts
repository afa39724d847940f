// Runs the doomed child process, bare or under strace, and reports how it ended. Guarantee: every process is awaited.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'tsup'
import type { Ground } from './preparing.ts'
import type { SeamCall } from './seam.ts'

export interface Doomed {
  readonly program: string
  remove(): void
}

/** Bundles the child into one file. */
export async function buildChild(): Promise<Doomed> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'tfm-test-')))
  await build({
    config: false,
    entry: { child: fileURLToPath(new URL('./kill-child.ts', import.meta.url)) },
    format: 'cjs',
    target: 'node20',
    outDir: directory,
    noExternal: [/.*/],
    shims: true,
    splitting: false,
    silent: true,
    dts: false,
    outExtension: () => ({ js: '.cjs' }),
  })
  return { program: join(directory, 'child.cjs'), remove: () => rmSync(directory, { recursive: true }) }
}

interface Ended {
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

/** One thread in libuv's pool: the order of its calls is then always the same. */
const ENV = { ...process.env, UV_THREADPOOL_SIZE: '1', NODE_OPTIONS: '', DEBUG: '' }

async function run(
  command: string,
  values: readonly string[],
  onReady?: () => Promise<void>,
): Promise<Ended> {
  const child = spawn(command, values, { env: ENV, stdio: 'pipe' })
  let [stdout, stderr] = ['', '']
  child.stdin.on('error', () => {})
  child.stdout.on('data', (text) => {
    stdout += text
    if (onReady !== undefined && stdout.startsWith('ready')) {
      const begin = onReady
      onReady = undefined
      void begin().then(() => child.stdin.end('go\n'))
    }
  })
  child.stderr.on('data', (text) => {
    stderr += text
  })
  const [, signal] = await once(child, 'close')
  return { signal, stdout, stderr }
}

/** The calls that the operation makes, by the seam. */
export async function countCalls(doomed: Doomed, operation: string, ground: Ground): Promise<SeamCall[]> {
  const { stdout, stderr } = await run(process.execPath, [
    doomed.program,
    operation,
    JSON.stringify(ground),
    'count',
  ])
  if (stdout === '') throw new Error(`The child printed nothing: ${stderr}`)
  return JSON.parse(stdout)
}

/** Kills it at its n-th call; it must have died by that. */
export async function killAt(
  doomed: Doomed,
  operation: string,
  ground: Ground,
  n: number,
  when: 'before' | 'after',
): Promise<void> {
  const values = [doomed.program, operation, JSON.stringify(ground), 'kill', String(n), when]
  const { signal, stderr } = await run(process.execPath, values)
  if (signal !== 'SIGKILL') throw new Error(`It was not killed: ${signal} ${stderr}`)
}

/** The output of strace for the whole process, as lines. */
export async function traced(doomed: Doomed, operation: string, ground: Ground): Promise<string[]> {
  const output = `${doomed.program}.${process.hrtime.bigint()}.strace`
  const strace = ['-f', '-y', '-qq', '-s', '256', '-o', output, '-e', 'trace=%file,%desc']
  const child = [process.execPath, doomed.program, operation, JSON.stringify(ground), 'wait']
  const { stderr } = await run('strace', [...strace, ...child], async () => {})
  const lines = readFileSync(output, 'utf8').split('\n')
  rmSync(output)
  if (lines.length < 10) throw new Error(`strace saw nothing: ${stderr}`)
  return lines
}

/** Attaches strace when the operation is about to begin and kills it at the n-th call of that name; false when there was none. */
export async function killBySyscall(
  doomed: Doomed,
  operation: string,
  ground: Ground,
  syscall: string,
  n: number,
): Promise<boolean> {
  let tracer: Promise<unknown> | undefined
  let pid: number | undefined
  const child = spawn(process.execPath, [doomed.program, operation, JSON.stringify(ground), 'wait'], {
    env: ENV,
    stdio: 'pipe',
  })
  pid = child.pid
  child.stdin.on('error', () => {})
  let stdout = ''
  child.stdout.on('data', (text) => {
    stdout += text
    if (stdout !== 'ready\n' || tracer !== undefined) return
    const inject = `inject=${syscall}:signal=KILL:when=${n}`
    const strace = spawn('strace', ['-f', '-p', String(pid), '-e', `trace=${syscall},access`, '-e', inject], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let traced = ''
    tracer = once(strace, 'close').then(() => traced)
    strace.stderr.on('data', (text) => {
      // Attached to the last thread: it may go.
      if (!traced.includes(' attached')) setImmediate(() => child.stdin.end('go\n'))
      traced += text
    })
  })
  const [, signal] = await once(child, 'close')
  const traced = String(await tracer)
  if (signal !== 'SIGKILL') throw new Error(`It was not killed: ${traced}`)
  return !traced.includes('-operation-ends')
}
