// The Node versions that consumers are run on: this one where it fits, else npm's package `node`.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

export async function nodes({ place, run }) {
  const found = {}
  for (const major of [20, 24]) {
    if (Number(process.versions.node.split('.')[0]) === major) {
      found[major] = process.execPath
      continue
    }
    const folder = join(place, `node-${major}`)
    mkdirSync(folder)
    await run('npm', ['init', '-y'], folder)
    await run('npm', ['install', '--prefer-offline', '--no-fund', '--no-audit', `node@${major}`], folder)
    found[major] = join(folder, 'node_modules', '.bin', 'node')
  }
  const shown = []
  for (const program of Object.values(found)) shown.push((await run(program, ['--version'])).stdout.trim())
  return { ...found, shown: shown.join(', ') }
}
