// Power cuts: a disk's image is copied in the very moment a promise resolves, with nothing unmounted or synced,
// and mounted again, as after the power came back. Guarantee: what was promised is there, whole; what was completed
// is not. Needs root.

import { execFileSync } from 'node:child_process'
import fs, { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { syncDirectorySync } from '../../src/disk/sync.ts'
import { TempFileManager } from '../../src/index.ts'
import { usePlatform } from '../../src/platform/index.ts'
import { linux } from '../../src/platform/linux.ts'
import { digestsOf } from '../fixtures/handoff-root.ts'
import { canMount, has, mount, unmount } from '../fixtures/mounts.ts'
import { tempBase } from '../fixtures/temp-base.ts'

const MAKE = {
  ext4: { image: 64, make: ['mkfs.ext4', '-q'], options: 'loop' },
  xfs: { image: 320, make: ['mkfs.xfs', '-q'], options: 'loop,nouuid' },
  btrfs: { image: 128, make: ['mkfs.btrfs', '-q'], options: 'loop' },
} as const

const CONTENT = 'what was promised '.repeat(20_000) // 360 kB: more than fits into an inode or a log record

function newManager(baseDir: string): TempFileManager {
  return new TempFileManager({
    baseDir,
    name: 'cut',
    signals: false,
    sweep: { onStart: false, every: false },
  })
}

for (const [kind, { image: megabytes, make, options }] of Object.entries(MAKE)) {
  test.skipIf(!canMount || !has(make[0]))(
    `on ${kind}, a handOff, a tree's handOff, a completion, and a durable persist survive a power cut, and a session is recovered after it`,
    async () => {
      const base = tempBase(existsSync('/dev/shm') ? '/dev/shm' : undefined)
      const [image, at] = [join(base, 'image'), join(base, 'disk')]
      mkdirSync(at)
      writeFileSync(image, '')
      truncateSync(image, megabytes * 1024 * 1024)
      execFileSync(make[0], [...make.slice(1), image], { stdio: 'pipe' })
      mount('-o', options, image, at)
      const manager = newManager(at)
      onTestFinished(() => manager.close())
      // cp while it is mounted: what the file system has not written is not in the image, as in a power cut.
      const cut = (name: string): void => {
        execFileSync('cp', ['--sparse=always', image, join(base, name)])
      }

      manager.file()
      // Its name alone is forced to the disk, as the file system may do at any time: its record may be lost.
      syncDirectorySync(fs, join(manager.root, 'sessions'))
      cut('session')
      const file = await manager.receive(CONTENT, { name: 'report.txt' })
      const ticket = await file.handOff({ meta: { n: 1 } })
      cut('handOff')
      const dir = manager.dir()
      mkdirSync(dir.join('a', 'b'), { recursive: true })
      for (const name of ['one', 'a/two', 'a/b/three']) writeFileSync(dir.join(name), CONTENT)
      const tree = digestsOf(dir.path)
      const treeTicket = await dir.handOff()
      cut('tree')
      const claim = await manager.claim(ticket)
      await claim.complete()
      cut('complete')
      const destination = join(at, 'destination')
      await (await manager.receive(CONTENT)).persist(destination, { durable: true })
      cut('persist')
      await manager.close()
      unmount(at) // first: btrfs does not mount two disks of the same name

      const restored = async (
        name: string,
        look: (again: TempFileManager) => Promise<void>,
      ): Promise<void> => {
        execFileSync('mount', ['-o', options, join(base, name), at])
        const again = newManager(at)
        try {
          await look(again)
        } finally {
          await again.close()
          execFileSync('umount', [at])
        }
      }
      await restored('session', async (again) => {
        const [session = ''] = readdirSync(join(again.root, 'sessions'))
        expect(session).toMatch(/^s-/)
        const bootId = 'the boot after the power cut'
        const reset = usePlatform({ ...linux, identify: () => ({ ...linux.identify(), bootId }) })
        const report = await again.sweep().finally(reset)
        expect(report.items.map(({ reason }) => reason).join()).toMatch(/made here before a reboot/)
        expect(report.sessionsRemoved).toBe(1)
      })
      await restored('handOff', async (again) => {
        await again.sweep()
        const held = await again.claim(ticket)
        expect([held.meta, held.attempt, held.name]).toEqual([{ n: 1 }, 1, 'report.txt'])
        expect(readFileSync(held.path, 'utf8')).toBe(CONTENT)
      })
      await restored('tree', async (again) => {
        expect(digestsOf((await again.claim(treeTicket)).path)).toEqual(tree)
      })
      await restored('complete', async (again) => {
        await again.sweep()
        expect((await again.handoffs()).map((handoff) => handoff.ticket)).toEqual([treeTicket])
      })
      await restored('persist', async () => {
        expect(readFileSync(destination, 'utf8')).toBe(CONTENT)
      })
    },
    120_000,
  )
}
