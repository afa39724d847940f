// A disk that a crash filled to the last byte, as an ordinary user finds it. Guarantee: the next start recovers it,
// by itself, although nothing can be made on it; and what a dead worker held comes back without any space.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { bundle } from '../fixtures/bundle.ts'
import { Held } from '../fixtures/held-process.ts'
import { canMount, type Disk, has, ORDINARY, ordinaryBase, smallDisk } from '../fixtures/mounts.ts'

const DISKS: readonly Disk[] = ['tmpfs', 'ext4', 'xfs', 'btrfs']

let programs = ''
beforeAll(async () => {
  if (canMount) programs = await bundle('filler')
})

function run(mode: string, base: string, ticket = ''): Held {
  return new Held(join(programs, 'filler.cjs'), { args: [mode, base, ticket], uid: ORDINARY, cwd: '/' })
}

describe.runIf(canMount)('a disk filled to the last byte by a crash (needs root)', () => {
  for (const disk of DISKS) {
    test.runIf(disk === 'tmpfs' || has(`mkfs.${disk}`))(
      `the next start recovers a disk that a crash filled to the last byte (${disk})`,
      async () => {
        const base = ordinaryBase(smallDisk(disk))
        const ticket = await run('publish', base).line('published')
        const filler = run('fill', base, ticket)
        expect(await filler.line('full')).toBe('ENOSPC')
        await filler.slay()

        const next = run('restart', base, ticket)
        const [refused, bytes, attempt] = (await next.line('recovered')).split(' ').map(Number)
        expect(refused).toBeGreaterThan(0) // it really was full
        expect(bytes).toBe(1024 * 1024)
        expect(attempt).toBe(2)
        expect(await next.ended).toEqual({ code: 0, signal: null })
        const root = join(base, `temp-file-manager-${ORDINARY}`)
        expect(readdirSync(join(root, 'sessions'))).toEqual([])
        expect(readdirSync(join(root, 'handoffs'))).toEqual([ticket])
      },
      90_000,
    )
  }
})
