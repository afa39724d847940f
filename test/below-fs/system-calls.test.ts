// System calls that node:fs does not see, made to fail one after the other by strace. Guarantee: an operation succeeds or
// fails by a typed error, and a live session is never removed, also where only its leases can prove that it lives.

import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { bundle } from '../fixtures/bundle.ts'
import { Held } from '../fixtures/held-process.ts'
import { canMount, has } from '../fixtures/mounts.ts'
import { shareOf, take } from '../fixtures/share.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

/** The path whose calls fail; `<pid>` is the live owner's. Undefined: all of them. */
type Case = readonly [calls: string, error: string, path: string | undefined]

const CASES: readonly Case[] = [
  ['socket', 'EMFILE', undefined],
  ['bind', 'EACCES', undefined],
  ['bind', 'EROFS', undefined],
  ['listen', 'EADDRINUSE', undefined],
  ['connect', 'EAGAIN', undefined],
  ['connect', 'EACCES', undefined],
  ['connect', 'ENOMEM', undefined],
  ['kill', 'EPERM', undefined],
  ['openat', 'EMFILE', '/proc/self/mountinfo'],
  ['openat', 'EACCES', '/proc/self/mountinfo'],
  ['openat', 'EIO', '/proc/self/mountinfo'],
  ['openat', 'EMFILE', '/proc/sys/kernel/random/boot_id'],
  ['openat', 'EACCES', '/proc/sys/kernel/random/boot_id'],
  ['openat', 'EMFILE', '/proc/thread-self/stat'],
  ['openat', 'ENOENT', '/proc/thread-self/stat'],
  ['readlink', 'EIO', '/proc/thread-self'],
  ['readlink', 'EACCES', '/proc/self/ns/pid'],
  ['readlink', 'EIO', '/proc/self'],
  ['openat', 'EMFILE', '/proc/<pid>/stat'],
  ['openat', 'EIO', '/proc/<pid>/task/<pid>/stat'],
  ['openat', 'EACCES', '/proc/<pid>/task/<pid>/stat'],
  ['rename,renameat,renameat2', 'EBUSY', undefined],
  ['getdents64', 'EIO', undefined],
]

const traced = process.platform === 'linux' && has('strace')

let programs = ''
beforeAll(async () => {
  if (traced) programs = await bundle('owner', 'masked')
})

async function own(base: string, under: readonly string[]): Promise<{ held: Held; file: string }> {
  const held = new Held(join(programs, 'owner.cjs'), { under, args: [base] })
  return { held, file: await held.line('ready') }
}

describe.skipIf(!traced)('system calls that fail below node:fs (needs strace)', () => {
  test.each(take(CASES, shareOf(CASES.length)))(
    'no live session is removed while %s fails with %s, path %s',
    async (calls, error, path) => {
      const base = tempBase()
      const live = [
        await own(base, []),
        ...(canMount ? [await own(base, ['unshare', '-pf', '--mount-proc'])] : []),
      ]
      const dead = await own(base, [])
      await dead.held.slay()
      const where = path?.replaceAll('<pid>', String(live[0]?.held.pid))
      const strace = ['strace', '-f', '-qq', '-o', '/dev/null', `--inject=${calls}:error=${error}`]
      const held = new Held(join(programs, 'masked.cjs'), {
        under: where === undefined ? strace : [...strace, '-P', where],
        args: [base],
      })
      const end = await held.ended
      expect(end, held.stderr).toEqual({ code: 0, signal: null })
      const seen = JSON.parse(held.stdout)
      expect(seen.failures.filter((failure: string) => !failure.startsWith('ERR_TEMP_'))).toEqual([])
      for (const { file } of live) {
        const item = seen.items.find(({ name }: { name: string }) => name.endsWith(basename(dirname(file))))
        expect(['kept', undefined]).toContain(item?.action)
        expect(existsSync(file)).toBe(true)
      }
      // Once the calls succeed again, what is dead goes, and nothing else.
      await tempManager({ baseDir: base }).sweep()
      expect(existsSync(dead.file)).toBe(false)
      for (const { file } of live) expect(existsSync(file)).toBe(true)
    },
  )
})
