import { readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type HandoffInfo, type RootUsage, TempFileManager } from '../../../src/index.ts'
import { tempBase, tempManager } from '../../fixtures/temp-base.ts'
import { run } from '../command-line.ts'
import { leaveTheDead } from '../leave-the-dead.ts'

const NOBODY = '0123456789abcdefghjkmnpqrs'
// biome-ignore lint/suspicious/noControlCharactersInRegex: what colours and bars are made of
const ESCAPE = /\u001b\[/

describe('looking', () => {
  test('ls of a root that does not exist is an empty list, and does not create the root', async () => {
    const base = tempBase()
    const { status, stdout } = await run(['ls', '--base-dir', base, '--json'])
    expect(status).toBe(0)
    expect((JSON.parse(stdout) as RootUsage).sessions).toEqual([])
    expect(readdirSync(base)).toEqual([])
  })

  test('ls lists living and dead owners with the reason, and the holder of each handoff', async () => {
    const manager = tempManager({ name: 'cli' })
    const baseDir = join(manager.root, '..')
    const held = await (await manager.receive('held')).handOff()
    const free = await (await manager.receive('free', { name: 'report.csv' })).handOff({ meta: { a: 1 } })
    await leaveTheDead(baseDir, held)

    const { status, stdout } = await run(['ls', '--root', manager.root])
    expect(status).toBe(0)
    expect(stdout).toMatch(/^\S+ .*2 sessions, 2 handoffs/)
    expect(stdout).toMatch(
      new RegExp(`^s-${process.pid}-\\S+ +alive [^]*?(?:the process runs|lease answers)`, 'm'),
    )
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

  test('inspect of a ticket that was never published is status 3, of an argument that is not a ticket 2', async () => {
    const base = tempBase()
    expect(await run(['inspect', NOBODY, '--base-dir', base])).toMatchObject({ status: 3, stdout: '' })
    const wrong = await run(['inspect', '../etc', '--base-dir', base, '--json'])
    expect(wrong.status).toBe(2)
    expect(JSON.parse(wrong.stdout)).toMatchObject({ error: { code: 'ERR_TEMP_TICKET_INVALID' } })
  })

  test('ls of a root that is a symbolic link is refused with status 1', async () => {
    const manager = tempManager({ name: 'cli' })
    symlinkSync('/etc', manager.root)
    const { status, stderr } = await run(['ls', '--root', manager.root])
    expect(status).toBe(1)
    expect(stderr).toContain('symbolic link')
  })
})

test('every line of ls fits 80 columns', async () => {
  const manager = tempManager({ name: 'cli' })
  await (await manager.receive('x', { name: `${'long-'.repeat(30)}.txt` })).handOff()
  manager.file()
  for (const preserve of ['on-error', true] as const) {
    const failing = new TempFileManager({
      name: 'cli',
      baseDir: join(manager.root, '..'),
      preserve,
      signals: false,
    })
    await failing.withDir(() => Promise.reject(new Error('of a long reason: '.repeat(20)))).catch(() => {})
    await failing.close()
  }
  const { stdout } = await run(['ls', '--root', manager.root])
  const [, ...lines] = stdout.split('\n') // the first one is the path of the root
  expect(lines.filter((line) => line.length > 80)).toEqual([])
})

test('ls shows an expired handoff as expired', async () => {
  const manager = tempManager({ name: 'cli' })
  const ticket = await (await manager.receive('x')).handOff({ ttl: 0 })
  const { stdout } = await run(['ls', '--root', manager.root])
  expect(stdout).toMatch(new RegExp(`^${ticket}  expired`, 'm'))
})

test('inspect shows an expired handoff as expired', async () => {
  const manager = tempManager({ name: 'cli' })
  const ticket = await (await manager.receive('x')).handOff({ ttl: 0 })
  const { stdout } = await run(['inspect', ticket, '--root', manager.root])
  expect(stdout).toMatch(/^state +expired$/m)
  expect(stdout).toMatch(/^expires in +now$/m)
})
