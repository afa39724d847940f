// The most that an installation may cost. Measured: rc.1 installed 42 packages of 2.6 MB, of them 201 KB packed its own;
// with resumable, tus and s3 it installs 23 packages of 2.5 MB, of them 396 KB packed its own; with the mends of protocols
// and races that reviews found, 2.6 MB and 461 KB. A new dependency that breaks the budget needs a better reason than
// convenience.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

const BUDGET = {
  /** node_modules of an empty folder after `npm install temp-file-manager`. */
  packages: 30,
  installedBytes: 4 * 1024 ** 2,
  /** The tarball itself. */
  packedBytes: 490 * 1024,
  unpackedBytes: 1.8 * 1024 ** 2,
}

export function checkBudget(folder, tarball) {
  const lock = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8'))
  const packages = Object.keys(lock.packages).filter((path) => path !== '').length
  const installedBytes = bytesBelow(join(folder, 'node_modules'))
  const found = {
    packages,
    installedBytes,
    packedBytes: tarball.packedBytes,
    unpackedBytes: tarball.unpackedBytes,
  }
  const over = Object.entries(BUDGET).filter(([what, most]) => found[what] > most)
  assert.deepEqual(over, [], `over the budget: ${JSON.stringify(found)}`)
  return Object.entries(BUDGET)
    .map(([what, most]) => `${what} ${show(found[what])} of ${show(most)}`)
    .join(', ')
}

function bytesBelow(directory) {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0)
}

function show(number) {
  return number > 1024 ? `${Math.round(number / 1024)} KB` : String(number)
}
