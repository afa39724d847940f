// Child programs in plain Node. Guarantee: a child's memory and start are Node's and its own, not a TypeScript
// loader's: the program is stripped of its types once, into the package manager's cache folder.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import ts from 'typescript'
import { built } from '../subject.ts'

const CACHE = new URL('../../node_modules/.cache/temp-file-manager-bench/', import.meta.url)

const programs = new Map<string, string>()

/** The path of a runnable copy of `bench/children/<name>.ts`; it may import packages and node's modules only. */
export function program(name: string): string {
  const known = programs.get(name)
  if (known !== undefined) return known
  mkdirSync(CACHE, { recursive: true })
  const path = new URL(`${name}-${process.pid}.mjs`, CACHE).pathname
  const source = readFileSync(new URL(`${name}.ts`, import.meta.url), 'utf8')
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
  })
  writeFileSync(path, outputText)
  process.once('exit', () => rmSync(path, { force: true }))
  programs.set(name, path)
  return path
}

const env = (): NodeJS.ProcessEnv => ({ ...process.env, BENCH_DIST: built('.') })

/** Runs a child to its end and gives its standard output as JSON. */
export function run<T>(path: string, args: readonly (string | number)[], flags: readonly string[] = []): T {
  const { stdout, stderr, status } = spawnSync(process.execPath, [...flags, path, ...args.map(String)], {
    env: env(),
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  })
  if (status !== 0) throw new Error(`a child of the bench ended with status ${status}:\n${stderr}`)
  return JSON.parse(stdout) as T // what the child of this name prints
}

/** Starts a child that stays, and waits for its first message. */
export async function start<T>(
  path: string,
  args: readonly (string | number)[],
): Promise<{ child: ChildProcess; ready: T }> {
  const child = spawn(process.execPath, [path, ...args.map(String)], {
    env: env(),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const [ready] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => Promise.reject(new Error(`${path} ended before it was ready`))),
  ])
  return { child, ready }
}

/** Ends a child, without its cleanup, and waits for it. */
export async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}
