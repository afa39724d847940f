import { execFile } from 'node:child_process'
import fs, {
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { SweepReport } from '../../../src/index.ts'
import { layoutOf } from '../../../src/layout.ts'
import { underSweepLock } from '../../../src/sweep/lock.ts'
import { tempBase, tempManager } from '../../fixtures/temp-base.ts'
import { interruptAt, run } from '../command-line.ts'
import { leaveTheDead } from '../leave-the-dead.ts'

describe('sweeping', () => {
  test('a dry run reports what a sweep would do, and changes nothing', async () => {
    const manager = tempManager({ name: 'cli' })
    await leaveTheDead(join(manager.root, '..'))
    const before = readdirSync(join(manager.root, 'sessions'))
    const { status, stdout } = await run(['sweep', '--dry-run', '--root', manager.root])
    expect(status).toBe(0)
    expect(stdout).toMatch(/^would-remove {4}sessions\/s-\S+: owner dead/m)
    expect(readdirSync(join(manager.root, 'sessions'))).toEqual(before)
  })

  test('a sweep removes the dead, gives back what they claimed, and keeps the living', async () => {
    const manager = tempManager({ name: 'cli' })
    const file = manager.file()
    const ticket = await (await manager.receive('held')).handOff()
    await leaveTheDead(join(manager.root, '..'), ticket)
    const { status, stdout } = await run(['sweep', '--root', manager.root, '--json'])
    expect(status).toBe(0)
    const report = JSON.parse(stdout) as SweepReport
    expect(report).toMatchObject({ sessionsRemoved: 1, claimsGivenBack: [ticket], errors: [] })
    expect(existsSync(file.path)).toBe(true)
    expect(readdirSync(join(manager.root, 'handoffs'))).toEqual([ticket])
  })

  test.each(['the root', 'sessions', 'kept'])(
    '%s that is a link is refused, and nothing is created or removed behind it',
    async (place) => {
      const [base, elsewhere] = [tempBase(), tempBase()]
      const { root } = tempManager({ baseDir: base })
      if (place !== 'the root') mkdirSync(root, { mode: 0o700 })
      const target = join(elsewhere, 'target')
      mkdirSync(join(target, '.gone-1-abc-x'), { recursive: true })
      mkdirSync(join(target, 'sweep.lock'))
      utimesSync(join(target, 'sweep.lock'), 0, 0)
      symlinkSync(target, place === 'the root' ? root : join(root, place))
      const { status, stderr } = await run(['sweep', '--root', root, '--kept'])
      expect([status, stderr]).toEqual([1, expect.stringContaining('symbolic link')])
      expect(readdirSync(target).sort()).toEqual(['.gone-1-abc-x', 'sweep.lock'])
      expect(statSync(join(target, 'sweep.lock')).mtimeMs).toBe(0)
    },
  )

  test('the second of two sweeps leaves the work to the first, with status 0', async () => {
    const manager = tempManager({ name: 'cli' })
    manager.file()
    await leaveTheDead(join(manager.root, '..'))
    const done = await underSweepLock({ fs, native: true, layout: layoutOf(manager.root) }, async () => {
      const reported = await run(['sweep', '--root', manager.root])
      expect(reported).toMatchObject({ status: 0, stdout: '' })
      expect(reported.stderr).toContain('Another sweep is at work')
      const json = await run(['sweep', '--root', manager.root, '--json'])
      expect(JSON.parse(json.stdout)).toEqual({ skipped: 'another sweep is at work' })
      expect(readdirSync(join(manager.root, 'sessions'))).toHaveLength(2)
      return true
    })
    expect(done).toBe(true)
    await run(['sweep', '--root', manager.root])
    expect(readdirSync(join(manager.root, 'sessions'))).toHaveLength(1)
  })

  test('an interrupted sweep stops between two entries, reports that, and releases its lock', async () => {
    const manager = tempManager({ name: 'cli' })
    manager.file()
    const many = 5000 // many times what is judged between the lock and the signal
    for (let n = 0; n < many; n++) mkdirSync(join(manager.root, 'sessions', `s-${n}-unknown`))
    const lock = join(manager.root, 'sweep.lock')
    const { status, stdout, stderr } = await interruptAt(lock, ['sweep', '--root', manager.root, '--json'])
    expect({ status, stderr }).toEqual({ status: 130, stderr: '' })
    const report = JSON.parse(stdout) as SweepReport
    expect(report.finished).toBe(false)
    expect(report.items.length).toBeLessThan(many)
    expect(existsSync(lock)).toBe(false)
  })

  test('a session that nothing proves dead is removed only by --remove-unknown-after', async () => {
    const manager = tempManager({ name: 'cli' })
    manager.file()
    const unknown = join(manager.root, 'sessions', 's-1-unknown')
    mkdirSync(unknown)
    expect((await run(['sweep', '--root', manager.root])).stdout).toMatch(
      /kept .*s-1-unknown: it has no owner\.json/,
    )
    expect(existsSync(unknown)).toBe(true)
    const { stdout } = await run(['sweep', '--root', manager.root, '--remove-unknown-after', '0ms'])
    expect(stdout).toMatch(/removed .*s-1-unknown: not touched for longer than removeUnknownAfter/)
    expect(existsSync(unknown)).toBe(false)
  })
})

test.skipIf(process.getuid?.() !== 0)('a full disk does not keep a sweep from freeing it', async () => {
  const base = tempBase()
  const quietly = promisify(execFile)
  await quietly('mount', ['-t', 'tmpfs', '-o', 'nr_inodes=60,mode=0700', 'tmpfs', base])
  onTestFinished(async () => {
    await quietly('umount', ['-l', base])
  })
  await leaveTheDead(base)
  const manager = tempManager({ name: 'cli', baseDir: base })
  const [dead = ''] = readdirSync(join(manager.root, 'sessions'))
  expect(() => {
    for (let n = 0; n < 100; n++) writeFileSync(join(manager.root, 'sessions', dead, `part-${n}`), '')
  }).toThrow(/ENOSPC/)
  const { status, stdout } = await run(['sweep', '--root', manager.root, '--json'])
  expect(status).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ sessionsRemoved: 1, errors: [] })
})
