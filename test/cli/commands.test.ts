import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { HandoffInfo, RootUsage, SweepReport } from '../../src/index.ts'
import { layoutOf } from '../../src/layout.ts'
import { underSweepLock } from '../../src/sweep/lock.ts'
import { tempBase, tempManager, USER } from '../fixtures/temp-base.ts'
import { interruptAt, run, runIntoHead, runOnTerminal } from './command-line.ts'

const OWNER = fileURLToPath(new URL('../fixtures/cli-owner.ts', import.meta.url))
const NOBODY = '0123456789abcdefghjkmnpqrs'
// biome-ignore lint/suspicious/noControlCharactersInRegex: what colours and bars are made of
const ESCAPE = /\u001b\[/

/** Leaves a session whose owner was killed. */
async function leaveTheDead(baseDir: string, ticket?: string): Promise<void> {
  const args = ['--import', 'tsx', OWNER, baseDir, ...(ticket === undefined ? [] : [ticket])]
  await promisify(execFile)(process.execPath, args).catch(() => {}) // it was killed, as it should be
}

describe('looking', () => {
  test('a root that does not exist is an empty list, and is not made by looking', async () => {
    const base = tempBase()
    const { status, stdout } = await run(['ls', '--base-dir', base, '--json'])
    expect(status).toBe(0)
    expect((JSON.parse(stdout) as RootUsage).sessions).toEqual([])
    expect(readdirSync(base)).toEqual([])
  })

  test('ls tells living owners from dead ones, why, and who has which handoff', async () => {
    const manager = tempManager({ name: 'cli' })
    const baseDir = join(manager.root, '..')
    const held = await (await manager.receive('held')).handOff()
    const free = await (await manager.receive('free', { name: 'report.csv' })).handOff({ meta: { a: 1 } })
    await leaveTheDead(baseDir, held)

    const { status, stdout } = await run(['ls', '--root', manager.root])
    expect(status).toBe(0)
    expect(stdout).toMatch(/^\/.*2 sessions, 2 handoffs/)
    expect(stdout).toMatch(new RegExp(`^s-${process.pid}-\\S+  alive [^]*?the process runs`, 'm'))
    expect(stdout).toMatch(
      /^s-\S+ {2,}dead .*cli-owner.*\n {4}owner dead \(pid \d+, no such process(?:, lease refuses)?\)$/m,
    )
    expect(stdout).toMatch(new RegExp(`^${free}  available  report\\.csv`, 'm'))
    expect(stdout).toMatch(new RegExp(`^${held}  available [^]*?pid \\d+ on `, 'm'))
    expect(stdout).not.toMatch(ESCAPE)

    const listed = JSON.parse((await run(['ls', '--root', manager.root, '--json'])).stdout) as RootUsage
    expect(listed.sessions.map((session) => session.verdict).sort()).toEqual(['alive', 'dead'])
    expect(listed.handoffs.map((handoff) => handoff.ticket).sort()).toEqual([held, free].sort())
  })

  test('ls shows partial uploads with what came of them, and of how much', async () => {
    const manager = tempManager({ name: 'cli' })
    const upload = await manager.createUpload({ length: 2048, originalName: 'film.mkv' })
    await upload.append('x'.repeat(1024))
    await upload.release()
    const { stdout } = await run(['ls', '--root', manager.root])
    expect(stdout).toMatch(/1 session, 0 handoffs, 1 upload, /)
    expect(stdout).toMatch(new RegExp(`^${upload.id}  waiting  film\\.mkv.* 1KB +2KB$`, 'm'))
  })

  test('inspect shows one handoff and does not claim it', async () => {
    const manager = tempManager({ name: 'cli' })
    const ticket = await (await manager.receive('four')).handOff({ meta: { job: 'a\u001b[31m' }, ttl: '1h' })
    const { status, stdout } = await run(['inspect', ticket, '--root', manager.root])
    expect(status).toBe(0)
    expect(stdout).toContain('state      available\n')
    expect(stdout).toContain('size       4B in 1 file\n')
    expect(stdout).not.toMatch(ESCAPE)
    const { stdout: json } = await run(['inspect', ticket, '--root', manager.root, '--json'])
    expect(JSON.parse(json) as HandoffInfo).toMatchObject({ ticket, state: 'available', attempts: 0 })
  })

  test('a ticket that nobody has published is status 3, what is no ticket is status 2', async () => {
    const base = tempBase()
    expect(await run(['inspect', NOBODY, '--base-dir', base])).toMatchObject({ status: 3, stdout: '' })
    const wrong = await run(['inspect', '../etc', '--base-dir', base, '--json'])
    expect(wrong.status).toBe(2)
    expect(JSON.parse(wrong.stdout)).toMatchObject({ error: { code: 'ERR_TEMP_TICKET_INVALID' } })
  })

  test('a root that is a symbolic link is refused with status 1', async () => {
    const manager = tempManager({ name: 'cli' })
    symlinkSync('/etc', manager.root)
    const { status, stderr } = await run(['ls', '--root', manager.root])
    expect(status).toBe(1)
    expect(stderr).toContain('symbolic link')
  })
})

describe('sweeping', () => {
  test('a dry run tells what a sweep would do, and does nothing', async () => {
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

  test('the second of two sweeps leaves the work to the first, with status 0', async () => {
    const manager = tempManager({ name: 'cli' })
    manager.file()
    await leaveTheDead(join(manager.root, '..'))
    const done = await underSweepLock({ layout: layoutOf(manager.root) }, async () => {
      const told = await run(['sweep', '--root', manager.root])
      expect(told).toMatchObject({ status: 0, stdout: '' })
      expect(told.stderr).toContain('Another sweep is at work')
      const json = await run(['sweep', '--root', manager.root, '--json'])
      expect(JSON.parse(json.stdout)).toEqual({ skipped: 'another sweep is at work' })
      expect(readdirSync(join(manager.root, 'sessions'))).toHaveLength(2)
      return true
    })
    expect(done).toBe(true)
    await run(['sweep', '--root', manager.root])
    expect(readdirSync(join(manager.root, 'sessions'))).toHaveLength(1)
  })

  test('an interrupted sweep stops between two entries, says so, and gives its lock back', async () => {
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

  test('what nothing proves dead goes only by --remove-unknown-after', async () => {
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

describe('the command line itself', () => {
  test.each([
    ['no command', []],
    ['an unknown command', ['remove']],
    ['an unknown option', ['ls', '--force']],
    ['a missing operand', ['inspect']],
    ['a bad duration', ['sweep', '--remove-unknown-after', '5 potatoes', '--base-dir', '/nonexistent']],
    ['a bad name', ['ls', '--name', '../up']],
    ['a root that is not one of ours', ['ls', '--root', '/tmp']],
    ['a root together with a name', ['ls', '--root', '/tmp/cli-0', '--name', 'cli']],
  ])('%s is status 2, said on standard error', async (_, args) => {
    const { status, stdout, stderr } = await run(args)
    expect(status).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).not.toBe('')
  })

  test('every command has a manual with its options and the exit statuses', async () => {
    for (const command of [[], ['ls'], ['sweep'], ['inspect'], ['doctor'], ['run'], ['completion']]) {
      const { status, stdout, stderr } = await run([...command, '--help'])
      expect(status).toBe(0)
      expect(stderr).toBe('')
      for (const title of [
        'NAME',
        'SYNOPSIS',
        'DESCRIPTION',
        'OPTIONS',
        'EXIT STATUS',
        'ENVIRONMENT',
        'EXAMPLES',
      ])
        expect(stdout).toMatch(new RegExp(`^${title}$`, 'm'))
      expect(stdout).not.toMatch(ESCAPE)
    }
  })

  test('on a terminal there are colours and a bar; NO_COLOR takes both away', async () => {
    const manager = tempManager({ name: 'cli' })
    manager.file()
    const sweep = ['sweep', '--root', manager.root]
    const fancy = await runOnTerminal(sweep)
    expect(fancy.status).toBe(0)
    expect(fancy.stdout).toMatch(ESCAPE)
    expect(fancy.stdout).toContain('sweeping')
    expect((await runOnTerminal(['ls', '--root', manager.root])).stdout).toMatch(ESCAPE)
    const plain = await runOnTerminal(sweep, { NO_COLOR: '1' })
    expect(plain.stdout).not.toMatch(ESCAPE)
    expect(plain.stdout).not.toContain('sweeping')
    expect((await runOnTerminal(['ls', '--json', '--root', manager.root])).stdout).not.toMatch(ESCAPE)
  })

  test('a reader that has seen enough is no failure', async () => {
    const manager = tempManager({ name: 'cli' })
    manager.file()
    for (let n = 0; n < 1500; n++) mkdirSync(join(manager.root, 'sessions', `s-${n}-unknown`))
    const { status, stdout, stderr } = await runIntoHead(['ls', '--root', manager.root])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toContain('1501 sessions')
  })

  test('--name and --base-dir name the same root as --root', async () => {
    const manager = tempManager({ name: 'cli' })
    manager.file()
    const { stdout } = await run(['ls', '--name', 'cli', '--json'], {
      TEMP_FILE_MANAGER_DIR: join(manager.root, '..'),
    })
    expect((JSON.parse(stdout) as RootUsage).root).toBe(manager.root)
    expect(basename(manager.root)).toBe(`cli-${USER}`)
  })
})
