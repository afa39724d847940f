// Part of `npm run check:structure`: rules of the house that no linter knows.
//   1. A source file of more than 60 lines has a test of its name and place: src/a/b.ts, test/a/b.test.ts.
//   2. No two source files have one name (index.ts, the entry of a folder, excepted).
//   3. A test directory mirrors a source directory, or is one of the suites that cross rooms.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const project = fileURLToPath(new URL('../', import.meta.url))
const LONG = 60
/** Files without logic of their own: types, and wiring that every other test exercises. */
const WITHOUT_TEST = new Set(['types.ts'])
const CROSSING = new Set([
  'attacks',
  'bench',
  'crash',
  'docs',
  'examples',
  'faults',
  'fixtures',
  'integration',
  'property',
  'runtimes',
  'torture',
  'windows',
])
const problems = []

const sources = filesBelow('src').filter((path) => path.endsWith('.ts'))
for (const path of sources) {
  const lines = readFileSync(join(project, path), 'utf8').split('\n').length - 1
  const test = path.replace(/^src\//, 'test/').replace(/\.ts$/, '.test.ts')
  if (lines > LONG && !WITHOUT_TEST.has(path.replace(/^src\//, '')) && !existsSync(join(project, test)))
    problems.push(`${path} has ${lines} lines and no test ${test}`)
}

const byName = groupByName(sources)
for (const [name, paths] of byName)
  if (name !== 'index.ts' && paths.length > 1)
    problems.push(`one name for several files: ${paths.join(', ')}`)

for (const name of readdirSync(join(project, 'test'))) {
  const isDirectory = statSync(join(project, 'test', name)).isDirectory()
  if (isDirectory && !CROSSING.has(name) && !existsSync(join(project, 'src', name)))
    problems.push(`test/${name} mirrors no directory of src`)
}

for (const problem of problems) console.log(problem)
console.log(`${sources.length} source files, ${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1

function filesBelow(directory) {
  return readdirSync(join(project, directory), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesBelow(`${directory}/${entry.name}`) : [`${directory}/${entry.name}`],
  )
}

function groupByName(paths) {
  const groups = new Map()
  for (const path of paths) groups.set(basename(path), [...(groups.get(basename(path)) ?? []), path])
  return groups
}
