// npm run test:runtimes [-- node@22 bun ... test/http/ ...]: the whole suite, or these files of it, on each Node that the
// package supports, and the built package's core on every runtime, as a table. The runtimes come from npm, into a cache
// beside the dependencies.

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installed } from './install-package.mjs'

const project = fileURLToPath(new URL('../', import.meta.url))
const all = ['node@20', 'node@22', 'node@24', 'node@26', 'bun', 'deno']
const asked = process.argv.slice(2).filter((word) => !word.startsWith('test/'))
const files = process.argv.slice(2).filter((word) => word.startsWith('test/'))
const core = join(project, 'test/runtimes/core.mjs')
const built = join(project, 'dist/index.js')
if (!existsSync(built)) throw new Error('Build the package first: npm run build')

/** The version that a runtime tells; a runtime that does not answer cannot run here. */
function versionOf(binary) {
  const { stdout, stderr, error } = spawnSync(binary, ['--version'], {
    encoding: 'utf8',
    timeout: 30_000,
    killSignal: 'SIGKILL',
  })
  const [line = ''] = (stdout ?? '').split('\n')
  if (line === '') throw new Error(`${binary} --version: ${error?.message ?? stderr}`)
  return line.replace(/^deno /, '').replace(/ .*/, '')
}

/** The suite, or the files that were asked for: 'passed, failed, skipped'. */
function suite(binary) {
  const vitest = join(project, 'node_modules/vitest/vitest.mjs')
  const { stdout, stderr, status } = spawnSync(binary, [vitest, 'run', '--reporter=dot', ...files], {
    cwd: project,
    encoding: 'utf8',
    maxBuffer: 1 << 30,
    // Programs that a test starts as `node` are to be of this kind too.
    env: { ...process.env, NO_COLOR: '1', PATH: `${dirname(binary)}:${process.env.PATH}` },
  })
  const count = (what) => Number(new RegExp(`Tests .*?(\\d+) ${what}`).exec(stdout)?.[1] ?? 0)
  const failed = [...`${stdout}${stderr}`.matchAll(/^ ?FAIL {2}(.*)$/gm)].map(([, name]) => name)
  for (const name of new Set(failed)) console.log(`  failed: ${name}`)
  if (status !== 0)
    console.log(`${stdout}${stderr}`.replace(/^[\s\S]*?(?=Failed Tests|Unhandled)/, '').slice(-6000))
  return {
    text: `${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped`,
    ok: status === 0,
  }
}

/** The built core: what failed of it. */
function runCore(name, binary) {
  const { stdout, stderr } = spawnSync(binary, [...(name === 'deno' ? ['run', '-A'] : []), core, built], {
    encoding: 'utf8',
    timeout: 120_000,
    killSignal: 'SIGKILL',
  })
  const rows = stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split('\t'))
  for (const [result, what, why] of rows) if (result !== 'ok') console.log(`  failed: ${what}: ${why}`)
  if (rows.length === 0) console.log(stderr.slice(-2000))
  const failed = rows.filter(([result]) => result !== 'ok').map(([, what]) => what)
  const text = `${rows.length - failed.length} of ${rows.length}${failed.length > 0 ? `, not: ${failed.join(', ')}` : ''}`
  return { text, ok: rows.length > 0 && failed.length === 0 }
}

const table = []
let ok = true
for (const name of asked.length > 0 ? asked : all) {
  console.log(`== ${name}`)
  const isNode = name.startsWith('node')
  let binary, version
  try {
    binary = installed({
      wanted: name,
      into: `runtimes/${name.replace('@', '-')}`,
      file: `.bin/${name.replace(/@.*/, '')}`,
    })
    version = versionOf(binary)
  } catch (error) {
    console.log(`  not run: ${error.message}`)
    if (isNode) ok = false
    table.push([name, '', 'not run', 'not run'])
    continue
  }
  const ofCore = runCore(name, binary)
  const ofSuite = isNode ? suite(binary) : { text: 'not run', ok: true }
  // The results of Bun and Deno are reported and do not decide.
  if (isNode) ok &&= ofCore.ok && ofSuite.ok
  table.push([name.replace(/@.*/, ''), version, ofSuite.text, ofCore.text])
}
const heads = [
  'runtime',
  'version',
  files.length > 0 ? files.join(' ') : 'whole suite',
  "built package's core",
]
console.log(`\n| ${heads.join(' | ')} |\n|${heads.map(() => ' --- ').join('|')}|`)
for (const row of table) console.log(`| ${row.join(' | ')} |`)
process.exitCode = ok ? 0 : 1
