// Containers, as the kernel sees them: pid and mount namespaces, overlays, bind mounts and FUSE views over one
// volume, made with unshare(1) and mount(8). Needs root.

import { execFileSync } from 'node:child_process'
import fs, {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { SweepReport } from '../../src/index.ts'
import { bundle } from '../fixtures/bundle.ts'
import { Held, type HeldOptions } from '../fixtures/held-process.ts'
import { knock, socketIdentity } from '../fixtures/knock.ts'
import { canMount, has, mount, unmount } from '../fixtures/mounts.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

const CONTAINER = ['unshare', '-pf', '--mount-proc']
/** Node binaries beside our own, separated by colons: `npm run test:runtimes` sets it. */
const RUNTIMES = [process.execPath, ...(process.env['TEST_NODE_BINARIES'] ?? '').split(':').filter(Boolean)]

let programs = ''
beforeAll(async () => {
  if (canMount) programs = await bundle('owner', 'sweeper')
})

async function owner(
  base: string,
  options: HeldOptions = {},
): Promise<{ held: Held; file: string; session: string }> {
  const held = new Held(join(programs, 'owner.cjs'), { under: CONTAINER, ...options, args: [base] })
  const file = await held.line('ready')
  return { held, file, session: dirname(file) }
}

async function sweepBy(base: string, options: HeldOptions = {}): Promise<SweepReport> {
  const sweeper = new Held(join(programs, 'sweeper.cjs'), { ...options, args: [base, '1'] })
  const report = JSON.parse(await sweeper.line('report'))
  expect(await sweeper.ended).toEqual({ code: 0, signal: null })
  return report
}

function reasonOf(report: SweepReport, session: string): string | undefined {
  return report.items.find((entry) => entry.name.endsWith(basename(session)))?.reason
}

describe.runIf(canMount)('containers (needs root)', () => {
  test('a restarted pid 1 sweeps its killed predecessor on the volume, and spares its live neighbour', async () => {
    const volume = tempBase()
    const neighbour = await owner(volume)
    const killed = await owner(volume)
    await killed.held.slay()
    const restarted = await owner(volume, { env: { OWNER_SWEEPS: '1' } })
    restarted.held.say('sweep')
    const report: SweepReport = JSON.parse(await restarted.held.line('report'))
    expect(report.errors).toEqual([])
    expect(existsSync(killed.session)).toBe(false)
    expect(readFileSync(neighbour.file, 'utf8')).toBe(basename(neighbour.file))
    expect(reasonOf(report, neighbour.session)).toBe('owner alive (pid 1, lease answers)')
    // Its sweep at the start, which runs beside the one that reported, may still be deleting.
    const live = [neighbour, restarted].map(({ session }) => basename(session)).sort()
    await expect.poll(() => readdirSync(dirname(restarted.session)).sort()).toEqual(live)
  })

  test('a sweep removes the session of a restarted container from its overlay, and keeps it on a clone', async () => {
    const base = tempBase()
    const [lower, upper, clone, work, work2, merged, merged2, other] = [
      'lower',
      'upper',
      'clone',
      'work',
      'work2',
      'merged',
      'merged2',
      'other',
    ].map((name) => join(base, name)) as [string, string, string, string, string, string, string, string] // eight in, eight out
    for (const path of [lower, upper, work, work2, merged, merged2, other]) mkdirSync(path)
    const overlay = (at: string, over: string, scratch: string): void =>
      mount('-t', 'overlay', 'overlay', '-o', `lowerdir=${lower},upperdir=${over},workdir=${scratch}`, at)
    overlay(merged, upper, work)
    const killed = await owner(merged, { env: { OWNER_EVERY: '1s' } })
    const held = socketIdentity(killed.session)
    await killed.held.slay()
    unmount(merged)
    execFileSync('cp', ['-a', upper, clone])
    mount('-t', 'tmpfs', 'none', other) // takes the device number that was freed
    overlay(merged, upper, work)
    overlay(merged2, clone, work2)
    expect(socketIdentity(killed.session)?.dev).not.toBe(held?.dev)

    const foreign = await sweepBy(merged2)
    expect(foreign.sessionsRemoved).toBe(0)
    // Its owner's refresh must have stopped for three of its intervals, a second each.
    let report = await sweepBy(merged)
    while (report.sessionsRemoved === 0) {
      expect(reasonOf(report, killed.session)).toMatch(/its owner may still refresh it/)
      report = await sweepBy(merged)
    }
    expect(reasonOf(report, killed.session)).toBe(
      'owner dead (pid 1, lease refuses, its container was restarted)',
    )
    expect(report.errors).toEqual([])
    expect(existsSync(killed.session)).toBe(false)
  })

  test('a live owner on an upper directory that is mounted twice is spared', async () => {
    const base = tempBase()
    const [lower, upper, work, work2, merged, merged2] = [
      'lower',
      'upper',
      'work',
      'work2',
      'merged',
      'merged2',
    ].map((name) => join(base, name)) as [string, string, string, string, string, string] // six in, six out
    for (const path of [lower, upper, work, work2, merged, merged2]) mkdirSync(path)
    const overlay = (at: string, scratch: string): void =>
      mount('-t', 'overlay', 'overlay', '-o', `lowerdir=${lower},upperdir=${upper},workdir=${scratch}`, at)
    overlay(merged, work)
    const live = await owner(merged)
    overlay(merged2, work2)
    // This is the danger: through the second mount no process listens, although the owner lives.
    expect(await knock(join(merged2, live.session.slice(merged.length)))).toBe('refuses')

    const report = await sweepBy(merged2)
    expect(report.sessionsRemoved).toBe(0)
    expect(reasonOf(report, live.session)).toMatch(/its owner may still refresh it/)
    expect(existsSync(live.file)).toBe(true)
  })

  test.each(RUNTIMES)(
    'a bind mount inside a dead session is kept, and the mounted files untouched, by %s',
    async (node) => {
      const base = tempBase()
      const shown = tempBase()
      mkdirSync(join(shown, 'folder'))
      writeFileSync(join(shown, 'folder', 'precious'), 'precious')
      const killed = await owner(base, { under: [] })
      const point = join(killed.session, 'tree', 'point')
      mkdirSync(point, { recursive: true })
      writeFileSync(join(killed.session, 'tree', 'external'), 'x')
      mount('--bind', shown, point)
      expect(statSync(point).dev).toBe(statSync(base).dev) // st_dev does not show it
      await killed.held.slay()

      for (let n = 0; n < 2; n++) {
        const report = await sweepBy(base, { node })
        expect(readFileSync(join(shown, 'folder', 'precious'), 'utf8')).toBe('precious')
        expect(report.sessionsRemoved).toBe(0)
        expect(report.errors.map((error) => error.message).join()).toMatch(/a mount point/)
        expect(report.items.find((entry) => /mount point/.test(entry.reason))?.action).toBe('kept')
      }
      const sessions = join(tempManager({ baseDir: base }).root, 'sessions')
      const [gone = ''] = readdirSync(sessions)
      expect(gone).toMatch(/^\.gone-/)
      const left = fs.readdirSync(join(sessions, gone), { recursive: true }).map(String)
      expect(left.filter((path) => /beside|owner|lease|tmp-/.test(path))).toEqual([])

      const where = left.find((path) => path.endsWith('point')) ?? '?'
      unmount(join(sessions, gone, where))
      expect((await sweepBy(base, { node })).sessionsRemoved).toBe(1)
      expect(readdirSync(sessions)).toEqual([])
      expect(readFileSync(join(shown, 'folder', 'precious'), 'utf8')).toBe('precious')
    },
  )

  test.runIf(has('bindfs'))(
    'a record that pretends ext4 on a FUSE file system proves nothing (needs bindfs)',
    async () => {
      const base = tempBase()
      const [real, view] = [join(base, 'real'), join(base, 'view')]
      for (const path of [real, view]) mkdirSync(path)
      execFileSync('bindfs', [real, view])
      onTestFinished(() => unmount(view))
      const live = await owner(real)
      const seen = join(view, live.session.slice(real.length))
      // This is the danger: through the view nobody listens, although the owner lives.
      expect(await knock(seen)).toBe('refuses')
      const path = join(live.session, 'owner.json')
      const record = JSON.parse(readFileSync(path, 'utf8'))
      writeFileSync(path, JSON.stringify({ ...record, fsType: 'ext4', lease: socketIdentity(seen) }))

      const report = await sweepBy(view)
      expect(report.sessionsRemoved).toBe(0)
      expect(reasonOf(report, live.session)).toMatch(/leases prove nothing on this file system/)
      expect(readFileSync(live.file, 'utf8')).toBe(basename(live.file))
    },
  )

  test('a root that a mount splits is refused at once', async () => {
    const manager = tempManager()
    const { root } = manager
    mkdirSync(join(root, 'handoffs'), { recursive: true, mode: 0o700 })
    mount('-t', 'tmpfs', '-o', 'mode=0700', 'none', join(root, 'handoffs'))
    expect(() => manager.file()).toThrow(expect.objectContaining({ code: 'ERR_TEMP_UNSAFE_ROOT' }))
    unmount(join(root, 'handoffs'))
    rmdirSync(join(root, 'handoffs'))
  })
})
