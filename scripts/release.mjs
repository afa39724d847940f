// node scripts/release.mjs VERSION [--dry-run]: prepares a release. Moves the lines under [Unreleased] in CHANGELOG.md
// under the version, sets the version in package.json and the lock file, commits and tags. Publishing stays a step of
// its own: npm publish (prepublishOnly runs the checks).

import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const [version, ...flags] = process.argv.slice(2)
const dryRun = flags.includes('--dry-run')
const project = fileURLToPath(new URL('../', import.meta.url))
const git = (...words) => execFileSync('git', words, { cwd: project, encoding: 'utf8' }).trim()

if (!/^\d+\.\d+\.\d+(-[0-9a-z.]+)?$/.test(version ?? ''))
  fail('Usage: node scripts/release.mjs 1.2.3 [--dry-run]')
if (git('status', '--porcelain') !== '')
  fail('The work tree has uncommitted changes. Commit or stash them first.')
if (git('tag', '--list', `v${version}`) !== '') fail(`The tag v${version} exists.`)

const changelog = readFileSync(`${project}CHANGELOG.md`, 'utf8')
const start = changelog.indexOf('## [Unreleased]')
const next = changelog.indexOf('\n## [', start + 1)
if (start === -1 || next === -1) fail('CHANGELOG.md has no [Unreleased] section above a release.')
const sections = changelog
  .slice(start + '## [Unreleased]'.length, next)
  .split(/^(?=### )/m)
  .filter((section) => /^- /m.test(section))
if (sections.length === 0) fail('Nothing under [Unreleased] in CHANGELOG.md.')
const date = new Date().toISOString().slice(0, 10)
const released = `## [Unreleased]\n\n## [${version}] - ${date}\n\n${sections.join('').trim()}\n`

if (dryRun) {
  console.log(released)
  process.exit(0)
}
writeFileSync(`${project}CHANGELOG.md`, `${changelog.slice(0, start)}${released}${changelog.slice(next)}`)
execFileSync('npm', ['version', version, '--no-git-tag-version'], { cwd: project, stdio: 'ignore' })
git('commit', '--quiet', '--all', '--message', `Release ${version}`)
git('tag', '--annotate', `v${version}`, '--message', `temp-file-manager ${version}`)
console.log(`Committed and tagged v${version}. Next: git push --follow-tags && npm publish`)

function fail(message) {
  console.error(message)
  process.exit(1)
}
