// npm run test:runtimes: the tests whose subject is Node's own behaviour (Node 24's rmSync deleted through a bind
// mount), by another Node too. It comes from npm (the package `node`), into a directory that goes afterwards.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const directory = mkdtempSync(join(tmpdir(), 'tfm-runtimes-'))
try {
  const options = { stdio: 'inherit' } as const
  const install = ['install', '--prefix', directory, '--no-audit', '--no-fund', 'node@24']
  const installed = spawnSync('npm', install, options)
  if (installed.status !== 0) throw new Error('node@24 could not be installed.')
  const node = join(directory, 'node_modules', 'node', 'bin', 'node')
  const { status } = spawnSync('npx', ['vitest', 'run', 'test/crash/containers.test.ts'], {
    ...options,
    env: { ...process.env, TEST_NODE_BINARIES: node },
  })
  process.exitCode = status ?? 1
} finally {
  rmSync(directory, { recursive: true, force: true })
}
