// The examples and the consumers' tests use the package as built. Built here when it is missing or older than
// its source, so that `npm ci && npm test` works in a fresh clone.

import { execFileSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const checkout = fileURLToPath(new URL('../', import.meta.url))

export default function buildIfStale(): void {
  const inputs = ['tsup.config.ts', 'package.json', ...filesBelow('src')]
  const newest = Math.max(...inputs.map((path) => statSync(join(checkout, path)).mtimeMs))
  if (builtAt() >= newest) return
  execFileSync(process.execPath, [join(checkout, 'node_modules/tsup/dist/cli-default.js'), '--silent'], {
    cwd: checkout,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

/** The time of the last thing that a build writes: the type declarations. */
function builtAt(): number {
  try {
    return statSync(join(checkout, 'dist/fastify/index.d.cts')).mtimeMs
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
