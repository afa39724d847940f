// Installs a package of npm that the tests run programs of, into a cache beside the dependencies.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const CACHE = fileURLToPath(new URL('../node_modules/.cache/', import.meta.url))
const TRIES = 3

/**
 * Returns the path of `file` in the package's node_modules, in at most 9 minutes: a registry that stops sending would hold
 * npm for a quarter of an hour, and each try begins with what the one before it got.
 */
export function installed({ wanted, into, file, options = [] }) {
  const directory = join(CACHE, into)
  const path = join(directory, 'node_modules', file)
  let why = ''
  for (let attempt = 0; attempt < TRIES && !existsSync(path); attempt++) {
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, 'package.json'), '{"private":true}')
    const { status, stderr } = spawnSync(
      'npm',
      [
        'install',
        '--prefer-offline', // what npm's cache holds needs no registry, which may not answer
        '--no-audit',
        '--no-fund',
        '--loglevel=error',
        '--fetch-timeout=60000',
        ...options,
        wanted,
      ],
      { cwd: directory, encoding: 'utf8', timeout: 180_000, killSignal: 'SIGKILL' },
    )
    if (status === 0 && existsSync(path)) break
    why =
      status === null ? 'npm took more than 3 minutes' : stderr.trim() || `npm ended with status ${status}`
    rmSync(join(directory, 'node_modules'), { recursive: true, force: true }) // half a package is none
  }
  if (!existsSync(path)) throw new Error(`Could not install ${wanted}: ${why}`)
  return path
}
