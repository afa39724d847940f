// npm run demo: two acts with real servers, real uploads, a real kill -9. Guarantee: it ends by itself within
// two minutes, with status 0 only if every check passed.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brokenClaims, paint, say } from '../stage.ts'
import { actOne } from './act-one.ts'
import { actTwo } from './act-two.ts'
import { ServerProcess } from './server-process.ts'

export interface Scene {
  /** The directory both servers keep their temp files in; the demo's own. */
  readonly root: string
  readonly env: NodeJS.ProcessEnv
  readonly clip: string
}

const startedAt = Date.now()
const baseDir = await mkdtemp(join(tmpdir(), 'demo-'))
const scene: Scene = {
  root: join(baseDir, `clip-service-${userInfo().uid}`),
  env: { TEMP_FILE_MANAGER_DIR: baseDir },
  clip: fileURLToPath(new URL('../../test/fixtures/media/clip.mkv', import.meta.url)),
}

// A demo that hangs is a demo that failed.
const patience = setTimeout(() => {
  console.error('The demo took more than two minutes.')
  void ServerProcess.endAll().finally(() => process.exit(1))
}, 120_000)

try {
  await actOne(scene)
  await actTwo(scene)
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1)
  console.log()
  if (brokenClaims() === 0) say(paint(['bold', 'green'], `Everything was as claimed, in ${seconds} s.`))
  else say(paint(['bold', 'red'], `${brokenClaims()} claim(s) did not hold.`))
  console.log()
  process.exitCode = brokenClaims() === 0 ? 0 : 1
} finally {
  clearTimeout(patience)
  await ServerProcess.endAll()
  await rm(baseDir, { recursive: true, force: true })
}
