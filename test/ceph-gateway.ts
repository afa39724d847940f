// Ends the suite's Ceph gateway, which the first test that needs it starts (test/fixtures/ceph.ts). Guarantee: a run that
// needs none starts none, and no daemon and no folder of it outlives the run. With TFM_CEPH_FOLDER set, the gateway in that
// folder is used and stays for the next run.

import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const SCRIPT = fileURLToPath(new URL('../scripts/ceph.sh', import.meta.url))

export default function endGateway(): (() => void) | undefined {
  if (process.env['TFM_CEPH_FOLDER'] !== undefined) return undefined
  const folder = join(tmpdir(), `tfm-ceph-${randomUUID()}`) // made by the test that starts the gateway
  process.env['TFM_CEPH_FOLDER'] = folder
  return () => {
    const gateway = join(folder, 'gateway')
    if (existsSync(gateway)) execFileSync(SCRIPT, ['stop', gateway])
    rmSync(folder, { recursive: true, force: true })
  }
}
