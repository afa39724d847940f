// Runs bundled test files in this process with vitest's runner and writes the result of each test as JSON.
//   node run.mjs RESULT.json FILE...      FILE: a bundled test file, relative to this program

import { writeFileSync } from 'node:fs'
import net from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type Suite, startTests, type Task, type VitestRunner, type VitestRunnerConfig } from '@vitest/runner'
import { skipsOf, whySkipped } from './skips.ts'

interface TestResult {
  readonly file: string
  readonly name: string
  readonly state: 'passed' | 'failed' | 'skipped'
  readonly error: string | undefined
  readonly milliseconds: number
}

const [result = '', ...files] = process.argv.slice(2)
const here = dirname(fileURLToPath(import.meta.url))

// Wine 8 has no TCP keep-alive options, so a socket that asks for them fails: undici's (fetch) do.
const connect = net.connect
const withoutKeepAlive = (first: unknown, ...rest: unknown[]): net.Socket => {
  const options = typeof first === 'object' && first !== null ? { ...first, keepAlive: false } : first
  return Reflect.apply(connect, net, [options, ...rest])
}
Object.assign(net, { connect: withoutKeepAlive, createConnection: withoutKeepAlive })
net.Socket.prototype.setKeepAlive = function (this: net.Socket) {
  return this
}

const config: VitestRunnerConfig = {
  root: here,
  setupFiles: [],
  name: undefined,
  passWithNoTests: false,
  testNamePattern: undefined,
  allowOnly: false,
  sequence: { seed: 1, hooks: 'stack', setupFiles: 'list' },
  chaiConfig: undefined,
  maxConcurrency: 5,
  testTimeout: 120_000,
  hookTimeout: 120_000,
  retry: 0,
  includeTaskLocation: false,
  tags: [],
  tagsFilter: undefined,
  strictTags: false,
}

const reasons = new Map<Task, string>()

const runner: VitestRunner = {
  config,
  pool: 'none',
  importFile: (path) => import(pathToFileURL(path).href),
  onCollected: (collected) => collected.forEach(skipListed),
  onBeforeRunTask: ({ name }) => console.log(`> ${name}`), // the last line shows which test did not end
}

function skipListed(task: Task): void {
  if (task.type === 'suite') {
    task.tasks.forEach(skipListed)
    return
  }
  const reason = whySkipped(task.file.filepath, task.fullName)
  if (reason === undefined || task.mode !== 'run') return
  task.mode = 'skip'
  reasons.set(task, reason)
}

function resultsOf(task: Task, file: string): TestResult[] {
  const error = task.result?.errors?.[0]
  const cause = error?.cause === undefined ? '' : `\n  caused by ${String((error.cause as Error).message)}` // a test's own error
  const reason =
    error === undefined ? undefined : `${error.message}${cause}\n${error.diff ?? ''}\n${error.stack ?? ''}`
  const milliseconds = Math.round(task.result?.duration ?? 0)
  if (task.type === 'suite') {
    const broken: TestResult[] =
      error === undefined
        ? []
        : [{ file, name: `${task.name} (set-up)`, state: 'failed', error: reason, milliseconds }]
    return [...broken, ...task.tasks.flatMap((inner) => resultsOf(inner, file))]
  }
  const state =
    task.result?.state === 'pass' ? 'passed' : task.result?.state === 'fail' ? 'failed' : 'skipped'
  return [{ file, name: task.fullName, state, error: reasons.get(task) ?? reason, milliseconds }]
}

/** A skip that is not part of any name: its test was renamed, and would run. */
function staleSkips(file: string, { tasks }: Suite): TestResult[] {
  const names = tasks.flatMap(namesOf)
  return skipsOf(file)
    .filter(({ part }) => !names.some((name) => name.includes(part)))
    .map(({ part }) => ({
      file,
      name: part,
      state: 'failed',
      error: 'test/windows/files.json skips it, and no test has this name',
      milliseconds: 0,
    }))
}

function namesOf(task: Task): string[] {
  return task.type === 'suite' ? task.tasks.flatMap(namesOf) : [task.fullName]
}

const results: TestResult[] = []
setInterval(() => {}, 60_000) // or a test that waits for what holds no process open would end this one
for (const file of files) {
  const collected = await startTests([{ filepath: join(here, file), testLocations: undefined }], runner)
  for (const suite of collected) results.push(...resultsOf(suite, file), ...staleSkips(file, suite))
  writeFileSync(result, JSON.stringify(results))
}
process.exit(results.some(({ state }) => state === 'failed') ? 1 : 0)
