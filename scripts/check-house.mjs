// Part of `npm run check:structure`: rules that no linter knows.
//   1. A source file of more than 60 lines that exports a value has a test of its name and place: src/a/b.ts,
//      test/a/b.test.ts. Files of types alone have nothing to run.
//   2. No two source files have one name, and no two test files (index.ts, the entry of a folder, excepted).
//   3. A test directory mirrors a source directory, or is one of the suites that cross rooms.
//   4. No passage of six lines occurs twice in src. Imports, comments and lines without a word do not count.
//   5. A source file that exports a value has at most 280 lines.
//   6. Only src/platform reads process.platform.
//   7. Inside the library files are accessed through `FileSystem`; node:fs itself is for questions to the kernel.
//   8. test/windows/files.json names what exists: test files and folders, and of a skipped test a part of its name that the
//      file contains word for word, so that a test is not renamed without its skip. ' > ' joins a suite's name and its test's.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const project = fileURLToPath(new URL('../', import.meta.url))
const TESTED_FROM = 60
const LONGEST = 280
const PASSAGE = 6
const CROSSING = new Set([
  'attacks',
  'below-fs',
  'bench',
  'crash',
  'docs',
  'examples',
  'faults',
  'fixtures',
  'integration',
  'property',
  'runtimes',
  'soak',
  'torture',
  'windows',
])
/** The outer rooms, whose files are not those of a root, and the files that ask the kernel about processes and mounts. */
const USES_NODE_FS = [
  /^src\/(?:cli|http|s3|platform|runtime)\//,
  /^src\/(?:manager-options|on-demand|liveness\/lease|session\/(?:proof|short-path)|temps\/hold-for)\.ts$/,
  /^src\/disk\/(?:base-safety|mounts|ownership|move\/copy-bytes)\.ts$/,
]
const problems = []

const sources = filesBelow('src')
  .filter((path) => path.endsWith('.ts'))
  .map((path) => ({ path, text: readFileSync(join(project, path), 'utf8') }))
for (const { path, text } of sources) {
  const lines = text.split('\n').length - 1
  const test = path.replace(/^src\//, 'test/').replace(/\.ts$/, '.test.ts')
  if (lines > TESTED_FROM && exportsValue(text) && !existsSync(join(project, test)))
    problems.push(`${path} has ${lines} lines and no test ${test}`)
  if (lines > LONGEST && exportsValue(text)) problems.push(`${path} has ${lines} lines, more than ${LONGEST}`)
}
checkNames(sources.map(({ path }) => path))
checkNames(filesBelow('test').filter((path) => path.endsWith('.test.ts')))
checkPassages()
checkWindowsList()

for (const name of readdirSync(join(project, 'test'))) {
  const isDirectory = statSync(join(project, 'test', name)).isDirectory()
  if (isDirectory && !CROSSING.has(name) && !existsSync(join(project, 'src', name)))
    problems.push(`test/${name} mirrors no directory of src`)
}

for (const { path, text } of sources)
  if (!path.startsWith('src/platform/') && text.includes('process.platform'))
    problems.push(`${path} reads process.platform, which only src/platform does`)

for (const { path, text } of sources)
  if (!USES_NODE_FS.some((allowed) => allowed.test(path)) && importsNodeFs(text))
    problems.push(`${path} imports node:fs: use the FileSystem of the root`)

for (const problem of problems) console.log(problem)
console.log(`${sources.length} source files, ${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1

function filesBelow(directory) {
  return readdirSync(join(project, directory), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesBelow(`${directory}/${entry.name}`) : [`${directory}/${entry.name}`],
  )
}

function exportsValue(text) {
  return (
    /^export (?!type |interface |\{$)/m.test(text) || /^export \{(?!\s*\n(?:\s*type [^\n]*\n)*\})/m.test(text)
  )
}

/** Other than types and constants. */
function importsNodeFs(text) {
  const imports = [...text.matchAll(/^import (?!type )(.+) from 'node:fs(?:\/promises)?'$/gm)]
  return imports.some(([, names]) => !/^\{ constants(?:, type \w+)* \}$/.test(names))
}

function checkNames(paths) {
  const groups = new Map()
  for (const path of paths) groups.set(basename(path), [...(groups.get(basename(path)) ?? []), path])
  for (const [name, same] of groups)
    if (!/^index\.(?:test\.)?ts$/.test(name) && same.length > 1)
      problems.push(`one name for several files: ${same.join(', ')}`)
}

function checkWindowsList() {
  const { leftOut, skip } = JSON.parse(readFileSync(join(project, 'test/windows/files.json'), 'utf8'))
  const skips = Object.values(skip).flatMap((tests) => Object.entries(tests))
  const named = [...Object.values(leftOut).flat(), ...skips.map(([file]) => file)]
  for (const path of new Set(named))
    if (!existsSync(join(project, path)))
      problems.push(`test/windows/files.json names ${path}, which does not exist`)
  for (const [file, parts] of skips) {
    const text = textWithTables(file)
    for (const part of parts)
      if (!part.split(' > ').every((words) => text.includes(words)))
        problems.push(`test/windows/files.json skips '${part}', which ${file} does not contain`)
  }
}

/** A test file, and the test code that it imports, which may declare some of its tests. */
function textWithTables(file) {
  if (!existsSync(join(project, file))) return ''
  const text = readFileSync(join(project, file), 'utf8')
  const imported = [...text.matchAll(/ from '(\.[^']+)'/g)].map(([, path]) => join(dirname(file), path))
  const tables = imported.filter((path) => path.startsWith('test/'))
  return [text, ...tables.map((path) => readFileSync(join(project, path), 'utf8'))].join('\n')
}

function checkPassages() {
  const seen = new Map()
  for (const { path, text } of sources) {
    const lines = wordLines(text)
    let repeatedUntil = 0
    for (let at = 0; at + PASSAGE <= lines.length; at++) {
      const passage = lines.slice(at, at + PASSAGE)
      const key = passage.map((line) => line.text).join('\n')
      const first = seen.get(key)
      if (first === undefined) seen.set(key, `${path}:${passage[0].number}`)
      else if (at >= repeatedUntil) {
        problems.push(`${path}:${passage[0].number} repeats six lines of ${first}`)
        repeatedUntil = at + PASSAGE
      }
    }
  }
}

/** The lines that hold a word, without imports and comments. */
function wordLines(text) {
  const code = text.replace(/^(?:import|export) [^'"]*?from '[^']*'$/gm, (block) =>
    block.replace(/[^\n]/g, ''),
  )
  return code.split('\n').flatMap((line, index) => {
    const trimmed = line.trim()
    return /^(?:\/\/|\/\*|\*)/.test(trimmed) || !/\w{2}/.test(trimmed)
      ? []
      : [{ text: trimmed, number: index + 1 }]
  })
}
