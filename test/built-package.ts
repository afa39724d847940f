// Examples, the command line and consumers use the built package. Guarantee: it is built before the first test when a
// test of this run needs it and it is missing or older than its source, so `npm ci && npm test` works in a fresh clone.

import { execFileSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'

const checkout = fileURLToPath(new URL('../', import.meta.url))
/** Folders of tests that load dist/. */
const USERS = /\/test\/(?:cli|examples|faults|s3|vitest|node-test)\//

export default async function buildIfStale(project: TestProject): Promise<void> {
  const { testFiles } = await project.globTestFiles(namesOnTheCommandLine())
  if (!testFiles.some((file) => USERS.test(file))) return
  const inputs = [
    'tsup.config.ts',
    'scripts/join-modules.ts',
    'scripts/wrap-entries.ts',
    'package.json',
    ...filesBelow('src'),
  ]
  const newest = Math.max(...inputs.map((path) => statSync(join(checkout, path)).mtimeMs))
  if (builtAt() >= newest) return
  // Without type declarations, which no test of the suite needs: they take ten times as long as the rest.
  execFileSync(
    process.execPath,
    [join(checkout, 'node_modules/tsup/dist/cli-default.js'), '--silent', '--no-dts'],
    { cwd: checkout, stdio: ['ignore', 'ignore', 'inherit'] },
  )
}

/** The arguments of `vitest run NAME...`: parts of paths; undefined without any. */
function namesOnTheCommandLine(): string[] | undefined {
  const names = process.argv.slice(2).filter((word) => word.includes('/') && !word.startsWith('-'))
  return names.length > 0 ? names : undefined
}

/** The time of the last build. */
function builtAt(): number {
  try {
    return statSync(join(checkout, 'dist/fastify/index.cjs')).mtimeMs
  } catch {
    return 0
  }
}

function filesBelow(directory: string): string[] {
  const entries = readdirSync(join(checkout, directory), { withFileTypes: true, recursive: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(directory, entry.parentPath.slice(join(checkout, directory).length), entry.name))
}
