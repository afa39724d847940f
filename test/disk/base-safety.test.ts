import nodeFs, { chmodSync, chownSync, lchownSync, mkdirSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { findWeakness } from '../../src/disk/base-safety.ts'
import { runChild } from '../fixtures/child.ts'
import { failure, failureSync } from '../fixtures/failures.ts'
import { canMount, ORDINARY } from '../fixtures/mounts.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

/** base/outer/inner, both of mode 0755. */
function nested(): { outer: string; inner: string } {
  const outer = join(tempBase(), 'outer')
  const inner = join(outer, 'inner')
  mkdirSync(inner, { recursive: true })
  for (const path of [outer, inner]) chmodSync(path, 0o755)
  return { outer, inner }
}

/** Runs a command in a user namespace that maps user 1234 alone, whom the command can become. */
const IN_USER_NAMESPACE = `
  wait_and_run='until grep -q . /proc/self/uid_map && grep -q . /proc/self/gid_map; do sleep 0.01; done; exec "$@"'
  unshare --user --keep-caps bash -c "$wait_and_run" bash "$@" &
  until [ "$(readlink /proc/$!/ns/user)" != "$(readlink /proc/$$/ns/user)" ]; do sleep 0.01; done
  for map in uid_map gid_map; do echo 1234 1234 1 > /proc/$!/$map; done
  wait $!`

describe.skipIf(process.geteuid === undefined)('base directories', () => {
  test('a base directory of this user, below directories of this user and root, is safe', () => {
    expect(findWeakness(nodeFs, nested().inner)).toBeUndefined()
  })

  test.each([0o775, 0o757, 0o777, 0o2775])(
    'a base directory below a directory of mode %o is refused',
    async (mode) => {
      const { outer, inner } = nested()
      chmodSync(outer, mode)
      expect(findWeakness(nodeFs, inner)).toMatchObject({ path: outer, kind: 'mode' })
      const manager = tempManager({ baseDir: inner })
      expect(failureSync('ERR_TEMP_UNSAFE_ROOT', () => manager.file()).path).toBe(outer)
    },
  )

  test('a base directory that becomes unsafe after its root was made is refused by a sweep and a listing', async () => {
    const { outer, inner } = nested()
    tempManager({ baseDir: inner }).file()
    chmodSync(outer, 0o777)
    const later = tempManager({ baseDir: inner })
    await failure('ERR_TEMP_UNSAFE_ROOT', () => later.sweep())
    await failure('ERR_TEMP_UNSAFE_ROOT', () => later.handoffs())
    chmodSync(outer, 0o755)
  })

  test('a base directory below a directory that everybody can write with the sticky bit is safe, as in /tmp', () => {
    const { outer, inner } = nested()
    chmodSync(outer, 0o1777)
    expect(findWeakness(nodeFs, inner)).toBeUndefined()
    expect(tempManager({ baseDir: inner }).file().disposed).toBe(false)
  })

  test.runIf(canMount).each(['outer', 'inner'] as const)(
    'a base directory outer/inner is refused when %s belongs to another user',
    (which) => {
      const paths = nested()
      chownSync(paths[which], ORDINARY, ORDINARY)
      chmodSync(paths.outer, 0o1777)
      expect(findWeakness(nodeFs, paths.inner)).toMatchObject({ path: paths[which], kind: 'owner' })
      failureSync('ERR_TEMP_UNSAFE_ROOT', () => tempManager({ baseDir: paths.inner }).file())
    },
  )

  test.runIf(canMount)(
    'a base directory in a user namespace without root is safe, unless another user put it into a shared one',
    async () => {
      const suite = join(tempBase(), '..') // root's, in /tmp
      const { mode } = statSync(suite)
      chmodSync(suite, 0o1777)
      onTestFinished(() => chmodSync(suite, mode))
      const under = ['bash', '-c', IN_USER_NAMESPACE, 'bash']
      const { stdout, stderr } = await runChild('user-namespace.ts', {
        args: [suite],
        under,
        env: { TMPDIR: '/tmp' },
      })
      expect(stderr).toBe('')
      expect(stdout).toBe(`/ belongs to ${ORDINARY}\nERR_TEMP_UNSAFE_ROOT\ncreated\n`)
    },
  )

  test.runIf(canMount)(
    'a base directory that is reached through a link is checked at the link and behind it',
    () => {
      const [link, { outer, inner }] = [join(tempBase(), 'link'), nested()]
      symlinkSync(outer, link)
      expect(findWeakness(nodeFs, join(link, 'inner'))).toBeUndefined()
      lchownSync(link, ORDINARY, ORDINARY)
      expect(findWeakness(nodeFs, join(link, 'inner'))).toMatchObject({ path: link, kind: 'owner' })
      lchownSync(link, 0, 0)
      chmodSync(outer, 0o777)
      expect(findWeakness(nodeFs, join(link, 'inner'))).toMatchObject({ path: outer, kind: 'mode' })
      expect(inner).toBe(join(outer, 'inner'))
    },
  )
})
