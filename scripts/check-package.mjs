// Is the package as npm would publish it good for those who install it? Packs it, looks at the tarball, installs
// it into empty folders and uses it in every way that is promised. Guarantee: works on copies in a temporary
// directory; ends with status 0 only if every line is ok.
//   node scripts/check-package.mjs [--no-build]

import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { checkBudget } from './check-package/budget.mjs'
import { consumers } from './check-package/consumers.mjs'
import { checkContents } from './check-package/contents.mjs'
import { nodes } from './check-package/nodes.mjs'
import { checkQuickStart } from './check-package/quick-start.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const bin = join(root, 'node_modules', '.bin')
const place = realpathSync(mkdtempSync(join(tmpdir(), 'check-package-')))
const shelf = { root, place, run, step }
let failures = 0
/** Thrown after a failure that ends what depends on it; the failure has been printed. */
const stopped = new Error('stopped')

try {
  if (!process.argv.includes('--no-build')) await step('build', () => run(join(bin, 'tsup'), ['--silent']))
  const tarball = await step('pack', pack)
  await step('what is in it', () => checkContents(tarball.files))
  await step('publint', () => run(join(bin, 'publint'), ['--strict', tarball.path]))
  await step('types for every resolution (attw)', () =>
    run(join(bin, 'attw'), [tarball.path, '--profile', 'node16', '--no-color']).then(
      () => 'node16, nodenext, bundler',
    ),
  )
  const folder = await step('install into an empty folder', () => installAlone(tarball.path))
  await step('size and number of packages', () => checkBudget(folder, tarball))
  await step('npm audit --omit=dev', () => audit(folder))
  const versions = await step('Node 20 and 24', () => nodes(shelf))
  await step('the command line, as installed, on both', () => commandLine(folder, versions))
  await consumers(shelf, tarball, folder, versions)
  await checkQuickStart(shelf, tarball, versions)
  await step('npm publish --dry-run', dryRun)
} catch (error) {
  if (error !== stopped) throw error
} finally {
  rmSync(place, { recursive: true, force: true })
}
console.log(failures === 0 ? 'The package is ready.' : `${failures} of the above failed.`)
process.exitCode = failures === 0 ? 0 : 1

/** Runs one check; what it returns, if text, is shown. A failure is shown, counted, and ends what depends on it. */
async function step(name, work, { fatal = true } = {}) {
  const startedAt = performance.now()
  try {
    const result = await work()
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    const shown = typeof result === 'string' ? result : (result?.shown ?? '')
    console.log(`ok    ${name}${shown === '' ? '' : `: ${shown}`} (${seconds} s)`)
    return result
  } catch (error) {
    failures++
    const output = [error.stdout, error.stderr].filter(Boolean).join('\n').trim()
    console.error(`FAIL  ${name}: ${output === '' ? (error.stack ?? error) : output}`)
    if (fatal) throw stopped
    return undefined
  }
}

/** Ends a program within three minutes; rejects with its output unless it exits with 0. */
async function run(program, args, cwd = root, env = {}) {
  const options = { cwd, env: { ...process.env, ...env }, maxBuffer: 2 ** 26, timeout: 180_000 }
  return await promisify(execFile)(program, args, options)
}

async function pack() {
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', place])
  const [packed] = JSON.parse(stdout)
  return {
    path: join(place, packed.filename),
    files: packed.files.map((file) => file.path),
    packedBytes: packed.size,
    unpackedBytes: packed.unpackedSize,
    shown: `${packed.filename}, ${Math.round(packed.size / 1024)} KB, ${Math.round(packed.unpackedSize / 1024)} KB unpacked`,
  }
}

async function installAlone(tarball) {
  const folder = join(place, 'alone')
  mkdirSync(folder)
  await run('npm', ['init', '-y'], folder)
  await run('npm', ['install', '--prefer-offline', '--no-fund', '--no-audit', tarball], folder)
  if (!existsSync(join(folder, 'node_modules', 'temp-file-manager', 'package.json')))
    throw new Error('not installed')
  return folder
}

async function audit(folder) {
  try {
    const { stdout } = await run('npm', ['audit', '--omit=dev', '--json'], folder)
    return `${JSON.parse(stdout).metadata.vulnerabilities.total} vulnerabilities`
  } catch (error) {
    // With findings npm exits with 1 and a report; without an endpoint with an error.
    const report = parsed(error.stdout)
    if (report?.metadata !== undefined) throw error
    return `not asked: this registry answers no audit (${report?.message ?? report?.error?.summary ?? error.code})`
  }
}

async function commandLine(folder, versions) {
  const base = join(place, 'base')
  mkdirSync(base, { mode: 0o700 })
  const { stdout } = await run(
    join(folder, 'node_modules', '.bin', 'temp-file-manager'),
    ['--version'],
    folder,
  )
  for (const node of [20, 24]) {
    const main = join(folder, 'node_modules', 'temp-file-manager', 'dist', 'cli', 'main.js')
    for (const command of ['ls', 'sweep', 'doctor']) {
      // doctor's status also reports on the machine: little space is not a fault of the package.
      const ran = await run(versions[node], [main, command, '--base-dir', base, '--json']).catch(
        (error) => error,
      )
      // Nothing has used this base directory, and the command line reports that on standard error.
      const unused = /^(?:No program of this user has used this root yet.*\n)?$/
      if (parsed(ran.stdout) === undefined || !unused.test(ran.stderr)) throw ran
    }
  }
  return stdout.trim()
}

async function dryRun() {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const tag = version.includes('-') ? 'rc' : 'latest'
  // --ignore-scripts: prepublishOnly runs this very script.
  await run('npm', ['publish', '--dry-run', '--ignore-scripts', '--tag', tag])
  return `${version}, tag ${tag}`
}

function parsed(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
