// /proc as hardened systems show it: absent, without /proc/sys (systemd's ProcSubset=pid), with hidepid=2. Guarantee: what
// /proc no longer answers proves nothing, what still proves a death removes it, and a mount is never deleted through.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { bundle } from '../fixtures/bundle.ts'
import { craftSession } from '../fixtures/crafted-session.ts'
import { Held, type HeldOptions } from '../fixtures/held-process.ts'
import { canMount, mount, ORDINARY, ordinaryBase } from '../fixtures/mounts.ts'
import { shareOf, take } from '../fixtures/share.ts'
import { tempBase } from '../fixtures/temp-base.ts'

/** Starts a program in a mount namespace of its own, in which /proc is another one. */
function masked(mountProc: string): readonly string[] {
  return ['unshare', '-m', 'sh', '-c', `${mountProc} && exec "$0" "$@"`]
}

const ABSENT = masked('mount -t tmpfs none /proc')
const SUBSET = masked('mount -t proc -o subset=pid proc /proc')
const HIDDEN = masked('mount -t proc -o hidepid=2 proc /proc')

interface Seen {
  readonly failures: string[]
  readonly items: { name: string; action: string; reason: string }[]
  readonly errors: unknown[]
  readonly warnings: string[]
  readonly left: number
  readonly tree: boolean
}

let programs = ''
beforeAll(async () => {
  if (canMount) programs = await bundle('owner', 'masked')
})

async function own(base: string, under: readonly string[]): Promise<{ held: Held; file: string }> {
  const held = new Held(join(programs, 'owner.cjs'), { under, args: [base] })
  return { held, file: await held.line('ready') }
}

async function look(base: string, options: HeldOptions, tree = ''): Promise<Seen> {
  const held = new Held(join(programs, 'masked.cjs'), { ...options, args: [base, tree] })
  const end = await held.ended
  expect(end, held.stderr).toEqual({ code: 0, signal: null })
  return JSON.parse(held.stdout)
}

function actionOn(seen: Seen, file: string): string | undefined {
  return seen.items.find(({ name }) => name === `sessions/${basename(dirname(file))}`)?.action
}

describe.runIf(canMount)('with /proc masked (needs root)', () => {
  test.each(
    take(
      [
        { mask: 'without /proc/sys', under: SUBSET, expected: 'removed' },
        { mask: 'absent', under: ABSENT, expected: 'kept' },
        { mask: 'with hidepid=2', under: HIDDEN, expected: 'removed' },
      ],
      shareOf(3),
    ),
  )(
    'a live session is kept and a dead one is $expected under a masked /proc ($mask)',
    async ({ under, expected }) => {
      const base = tempBase()
      const alive = [await own(base, []), await own(base, under)]
      const dead = [await own(base, []), await own(base, under)]
      for (const { held } of dead) await held.slay()
      const seen = await look(base, { under })
      expect(seen).toMatchObject({ failures: [], errors: [], left: 0 })
      expect(alive.map(({ file }) => [actionOn(seen, file), existsSync(file)])).toEqual([
        ['kept', true],
        ['kept', true],
      ])
      expect(dead.map(({ file }) => actionOn(seen, file))).toEqual([expected, expected])
    },
  )

  test('a root where nothing can prove a death is warned of once, with the remedy, whatever number of managers', async () => {
    const { warnings } = await look(tempBase(), { under: ABSENT })
    expect(warnings.filter((text) => text.includes('cannot be proved'))).toHaveLength(1)
    expect(warnings.join()).toContain('Mount /proc')
    expect((await look(tempBase(), {})).warnings).toEqual([])
  })

  test.each(
    take(
      [
        ['absent', ABSENT],
        ['without /proc/sys', SUBSET],
      ] as const,
      shareOf(2),
    ),
  )(
    'a bind mount in a removed tree and what is in it are kept under a masked /proc (%s)',
    async (_, under) => {
      const tree = join(tempBase(), 'tree')
      const elsewhere = tempBase()
      mkdirSync(join(tree, 'point'), { recursive: true })
      writeFileSync(join(elsewhere, 'kept'), 'of another program')
      mount('--bind', elsewhere, join(tree, 'point'))
      const { tree: remains } = await look(tempBase(), { under }, tree)
      expect(remains).toBe(true)
      expect(readFileSync(join(elsewhere, 'kept'), 'utf8')).toBe('of another program')
    },
  )

  test('a session whose pid belongs to a process that hidepid hides is kept', async () => {
    const base = ordinaryBase()
    const root = join(base, `temp-file-manager-${ORDINARY}`)
    // Process 1 is root's: for an ordinary user it exists and cannot be read.
    const { name } = craftSession(root, { owner: { pid: 1, tid: 1, startTime: '1' }, lease: 'none' })
    const seen = await lookAsOrdinary(base, root)
    expect(seen.items.find((item) => item.name === `sessions/${name}`)?.action).toBe('kept')
  })
})

/** Everything below the root becomes the ordinary user's before it looks. */
async function lookAsOrdinary(base: string, root: string): Promise<Seen> {
  const become = `chown -R ${ORDINARY} ${root} && mount -t proc -o hidepid=2 proc /proc && exec setpriv --reuid=${ORDINARY} --regid=${ORDINARY} --clear-groups "$0" "$@"`
  return await look(base, { under: ['unshare', '-m', 'sh', '-c', become] })
}
