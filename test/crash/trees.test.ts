// Trees that are hard to delete, left by an ordinary user's killed process and swept by another process of that user.
// Guarantee: all of it is removed, and no target of a link is touched.

import { spawnSync } from 'node:child_process'
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { SweepReport } from '../../src/index.ts'
import { bundle } from '../fixtures/bundle.ts'
import { Held } from '../fixtures/held-process.ts'
import { canMount, ORDINARY, ordinaryBase } from '../fixtures/mounts.ts'

/** The full number with FAULTS=all (npm run test:kill). */
const MANY = process.env['FAULTS'] === 'all' ? 100_000 : 10_000

let programs = ''
beforeAll(async () => {
  if (canMount) programs = await bundle('forester', 'sweeper', 'owner', 'cli-owner')
})

function asOrdinary(program: string, args: readonly string[]): Held {
  return new Held(join(programs, `${program}.cjs`), { args, uid: ORDINARY, cwd: '/' })
}

describe.runIf(canMount)('as an ordinary user (needs root to become one)', () => {
  test(`0500 and 000 directories, names of any bytes, paths over 4,096 bytes, ${MANY} files, links, FIFOs and sockets are swept`, async () => {
    const base = ordinaryBase()
    const outside = join(base, 'outside')
    mkdirSync(outside)
    for (const name of ['precious', 'mine']) writeFileSync(join(outside, name), name)
    for (const path of [outside, join(outside, 'mine')]) chownSync(path, ORDINARY, ORDINARY)

    const forester = asOrdinary('forester', [base, outside, `${MANY}`])
    const session = await forester.line('grown')
    const tree = join(session, readdirSync(session).find((name) => name.startsWith('tmp-')) ?? '?')
    expect(readdirSync(tree).sort()).toEqual([
      'bytes',
      'closed',
      'deep',
      'links',
      'many',
      'special',
      'unwritable',
    ])
    expect(readdirSync(join(tree, 'many')).length).toBe(MANY)
    expect(lstatSync(join(tree, 'special', 'fifo')).isFIFO()).toBe(true)
    expect(lstatSync(join(tree, 'special', 'socket')).isSocket()).toBe(true)
    await forester.slay()

    const sweeper = asOrdinary('sweeper', [base, '1'])
    const report: SweepReport = JSON.parse(await sweeper.line('report'))
    expect(await sweeper.ended).toEqual({ code: 0, signal: null })
    expect(report).toMatchObject({ errors: [], sessionsRemoved: 1, finished: true })
    expect(report.files).toBeGreaterThan(MANY)
    expect(existsSync(session)).toBe(false)
    expect(readdirSync(join(session, '..'))).toEqual([])
    expect(readFileSync(join(outside, 'precious'), 'utf8')).toBe('precious')
    expect(readFileSync(join(outside, 'mine'), 'utf8')).toBe('mine')
  }, 60_000)

  test("a session whose process became another user's is kept: kill(2) reports EPERM", async () => {
    const base = ordinaryBase()
    const owner = new Held(join(programs, 'owner.cjs'), {
      args: [base],
      cwd: '/',
      env: { OWNER_UIDS: `${ORDINARY},${ORDINARY - 1}` },
    })
    const session = dirname(await owner.line('ready'))
    owner.say('close-sockets')
    expect(await owner.line('closed')).toBe('2')
    const sweepers = Array.from({ length: 8 }, () => asOrdinary('sweeper', [base, '2']))
    for (const sweeper of sweepers) {
      const report: SweepReport = JSON.parse(await sweeper.line('report'))
      const entry = report.items.find((one) => session.endsWith(one.name))
      expect(entry).toMatchObject({ action: 'kept' })
      // kill(2) may not ask it, but its start time is readable and the recorded one.
      expect(entry?.reason).toBe(`owner alive (pid ${owner.pid}, the process runs)`)
      expect(report.errors).toEqual([])
      await sweeper.ended
    }
    expect(existsSync(session)).toBe(true)
    await owner.slay()
    const last = asOrdinary('sweeper', [base, '1'])
    expect(JSON.parse(await last.line('report'))).toMatchObject({ sessionsRemoved: 1, errors: [] })
  })

  test("a session is removed whose owner's pid the kernel gave to another user's process", () => {
    const base = ordinaryBase()
    // In a pid namespace the next pid can be chosen.
    const script = `
      as() { exec setpriv --reuid "$1" --regid "$1" --clear-groups "\${@:2}"; }
      (as ${ORDINARY} "$1" "$2/cli-owner.cjs" "$3") & owner=$!
      wait $owner
      echo $((owner - 1)) > /proc/sys/kernel/ns_last_pid
      (as ${ORDINARY - 1} sleep 100) & neighbour=$!
      echo "pids $owner $neighbour"
      (as ${ORDINARY} "$1" "$2/sweeper.cjs" "$3" 1 cli)
      kill -0 $neighbour && echo 'the neighbour lives' && kill $neighbour`
    const { stdout, stderr } = spawnSync(
      'unshare',
      ['-pf', '--mount-proc', 'bash', '-c', script, 'bash', process.execPath, programs, base],
      { cwd: '/', encoding: 'utf8' },
    )
    const line = (start: string): string =>
      stdout.split('\n').find((text) => text.startsWith(start)) ?? `no line '${start}': ${stdout} ${stderr}`
    const [, owner, neighbour] = line('pids ').split(' ')
    expect(neighbour).toBe(owner)
    const report: SweepReport = JSON.parse(line('report ').slice('report '.length))
    expect(report).toMatchObject({ errors: [], sessionsRemoved: 1 })
    expect(report.items[0]?.reason).toContain('the pid belongs to a younger process now')
    expect(stdout).toContain('the neighbour lives')
  })
})
