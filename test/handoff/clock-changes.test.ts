// Handoffs and wall clocks that were just set. The kernel gives the ctime, so debugfs sets it on an image.

import { spawnSync } from 'node:child_process'
import { lstatSync, mkdirSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { isOverdue, waitOf, YOUNG_BOOT_MS } from '../../src/claimable/expiry.ts'
import { bootTime } from '../../src/liveness/boot-clock.ts'
import { agedFileSystem } from '../fixtures/crafted-session.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

const YEAR = 365 * 24 * 3_600_000

function run(command: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  expect(status, `${command} ${args.join(' ')}: ${stderr}`).toBe(0)
}

describe('the age of a handoff', () => {
  it('the age of a handoff is the difference of the boot clock in the boot in which it was published', () => {
    const boot = { boot: 5, uptimeMs: 9000 }
    const since = { boot: 5, uptimeMs: 2000, volumeMs: 0 }
    expect(waitOf(since, { boot, volume: YEAR })).toEqual({ ageMs: 7000, graceMs: 0 })
    expect(waitOf(since, { boot, volume: -YEAR })).toEqual({ ageMs: 7000, graceMs: 0 })
  })

  it('the age of a handoff from another boot is the volume’s, and counts once this boot is ten minutes old', () => {
    const since = { boot: 4, uptimeMs: 2000, volumeMs: 0 }
    const record = { ttl: 1000 } as never // only the time to live is looked at
    const state = {
      read: { state: 'read', record },
      attempt: { count: 0, retriedAt: 0, since },
      dead: false,
    } as const
    const overdueAt = (uptimeMs: number) => isOverdue(state, { boot: { boot: 5, uptimeMs }, volume: YEAR })
    expect([overdueAt(YOUNG_BOOT_MS - 1), overdueAt(YOUNG_BOOT_MS)]).toEqual([false, true])
  })

  it('the boot clock is stamped on a handoff at publishing and at each release', async () => {
    const manager = tempManager()
    const ticket = await manager.file().handOff()
    const stampOf = (attempt: number) => {
      const { atimeMs, mtimeMs } = lstatSync(join(manager.root, 'handoffs', ticket, `attempt-${attempt}`))
      return { boot: atimeMs / 1000, uptimeMs: mtimeMs }
    }
    for (const attempt of [0, 1]) {
      const { boot, uptimeMs } = stampOf(attempt)
      expect(boot).toBe(bootTime()?.boot)
      expect(Math.abs(uptimeMs - (bootTime()?.uptimeMs ?? 0))).toBeLessThan(30_000)
      if (attempt === 0) await (await manager.claim(ticket)).release()
    }
  })

  it('a handoff of another boot does not expire before its time to live, by the volume’s clock', async () => {
    const manager = tempManager({ fs: agedFileSystem(() => [[/attempt-\d+$/, YEAR]]) })
    const ticket = await manager.file().handOff({ ttl: 2 * YEAR })
    utimesSync(join(manager.root, 'handoffs', ticket, 'attempt-0'), 1, 1)
    expect((await manager.sweep()).handoffsExpired).toEqual([])
  })
})

const canMount = process.getuid?.() === 0 && spawnSync('debugfs', ['-V']).status === 0

describe.runIf(canMount)('corrected wall clocks', () => {
  it('a wall clock that is set right expires no handoff of this boot with a ctime of 1980 on disk', async () => {
    const base = tempBase()
    const [image, mount] = [join(base, 'image'), join(base, 'mount')]
    mkdirSync(mount)
    run('truncate', '-s', '16M', image)
    run('mkfs.ext4', '-q', '-O', '^has_journal', image)
    run('mount', '-o', 'loop', image, mount)
    onTestFinished(() => {
      spawnSync('umount', ['-l', mount])
    })
    const manager = tempManager({ baseDir: mount })
    const ticket = await (await manager.receive('waiting')).handOff({ ttl: '1h' })
    const attempt = `${manager.root.slice(mount.length)}/handoffs/${ticket}/attempt-0`
    await manager.close()
    run('umount', mount)
    run('debugfs', '-w', '-R', `set_inode_field ${attempt} ctime 19800101000000`, image)
    run('cp', image, `${image}-2`) // a loop device that is still there would show what it has cached
    run('mount', '-o', 'loop', `${image}-2`, mount)
    expect(lstatSync(join(mount, attempt)).ctimeMs).toBeLessThan(Date.UTC(1981, 0))
    const next = tempManager({ baseDir: mount })
    expect((await next.sweep()).handoffsExpired).toEqual([])
    expect((await next.inspect(ticket)).ageMs).toBeLessThan(600_000)
    await next.close()
    run('umount', mount)
  })
})
