import { spawnSync } from 'node:child_process'
import { type StatsFs, statfsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  checkEmptyDir,
  checkInodes,
  checkMemory,
  checkQuota,
  checkSpace,
  type Mount,
  mountOf,
  parseMountinfo,
} from '../../../src/cli/doctor/check-capacity.ts'
import type { Finding } from '../../../src/cli/doctor/finding.ts'
import { tempBase } from '../../fixtures/temp-base.ts'
import { capture, MAIN } from '../command-line.ts'

const statfs = (values: Partial<StatsFs>): StatsFs => ({ ...statfsSync('/'), ...values })
const mount = (values: Partial<Mount> = {}): Mount => ({
  fsType: 'ext4',
  mountPoint: '/mnt',
  root: '/',
  options: ['rw'],
  ...values,
})
const GIB = 1024 ** 3

test.each([
  ['plenty', { bsize: 4096, blocks: 1e7, bavail: 5e6 }, 'ok'],
  ['a tmpfs without a size', { bsize: 4096, blocks: 0, bavail: 0 }, 'ok'],
  ['200 MB free', { bsize: 4096, blocks: 1e6, bavail: 50_000 }, 'warning'],
  ['2 % free', { bsize: 4096, blocks: 1e9, bavail: 2e7 }, 'warning'],
])('space: %s is %s', (_what, values, status) => {
  expect(checkSpace(statfs(values)).status).toBe(status)
})

test.each([
  ['no fixed number', { files: 0, ffree: 0 }, 'ok'],
  ['plenty', { files: 1e6, ffree: 9e5 }, 'ok'],
  ['900 free', { files: 1000, ffree: 900 }, 'warning'],
  ['1 % free', { files: 1e6, ffree: 1e4 }, 'warning'],
])('inodes: %s is %s', (_what, values, status) => {
  expect(checkInodes(statfs(values)).status).toBe(status)
})

test('a tmpfs that can grow beyond the memory of the process is a warning', () => {
  const tmpfs = mount({ fsType: 'tmpfs' })
  const of = (blocks: number) => checkMemory(tmpfs, statfs({ bsize: 4096, blocks }), GIB)?.status
  expect([of(GIB / 8192), of(GIB / 2048), of(0)]).toEqual(['note', 'warning', 'warning'])
  expect(checkMemory(mount(), statfs({}), GIB)).toBeUndefined()
})

test('a directory that statfs reports smaller than its file system has a project quota', () => {
  const found = checkQuota(mount(), statfs({ blocks: 100 }), statfs({ blocks: 1000 }))
  expect(found.found).toContain('a project quota')
})

test.each(['usrquota', 'prjquota', 'usrjquota=aquota.user', 'gquota'])(
  'a mount option %s is reported',
  (option) => {
    expect(checkQuota(mount({ options: ['rw', option] }), statfs({}), statfs({})).status).toBe('note')
  },
)

test('the option noquota, and no option, mean that there is no quota', () => {
  expect(checkQuota(mount({ options: ['rw', 'noquota'] }), statfs({}), statfs({})).status).toBe('ok')
})

test('in a pod the writable layer has a limit that cannot be seen; outside of one nothing is reported', () => {
  const overlay = mount({ fsType: 'overlay' })
  expect(checkEmptyDir(overlay, { KUBERNETES_SERVICE_HOST: '10.0.0.1' })?.found).toContain(
    'ephemeral-storage',
  )
  expect(checkEmptyDir(overlay, {})).toBeUndefined()
})

test('the mount of a path is found with its options', () => {
  const line = '36 35 0:30 /a\\040b /mnt\\040x rw,noatime shared:1 - tmpfs none rw,size=1024k,usrquota\n'
  expect(parseMountinfo(line)).toEqual([
    {
      fsType: 'tmpfs',
      root: '/a b',
      mountPoint: '/mnt x',
      options: ['rw', 'noatime', 'rw', 'size=1024k', 'usrquota'],
    },
  ])
  expect(mountOf('/proc/self')?.fsType).toBe('proc')
})

describe.skipIf(process.geteuid?.() !== 0)('real mounts (needs root)', () => {
  /** Runs `doctor` in a mount namespace of its own, after `script`; $DIR is the base directory. */
  async function doctorAfter(script: string): Promise<Record<string, Finding>> {
    const directory = tempBase()
    const line = `${script} && exec '${process.execPath}' '${MAIN}' doctor --json --base-dir "$DIR"`
    const { stdout, stderr } = await capture(['unshare', '--mount', 'bash', '-c', line], { DIR: directory })
    expect(stderr).not.toContain('mount:')
    const { checks } = JSON.parse(stdout) as { checks: Finding[] }
    return Object.fromEntries(checks.map((finding) => [finding.check, finding]))
  }

  test('doctor reports few inodes and little space of a tmpfs as warnings', async () => {
    const found = await doctorAfter('mount -t tmpfs -o mode=0700,nr_inodes=100,size=4m tmpfs "$DIR"')
    expect(found['inodes']).toMatchObject({
      status: 'warning',
      found: expect.stringMatching(/^9\d free of 100:/),
    })
    expect(found['space']).toMatchObject({ status: 'warning', found: '4MB free of 4MB' })
    expect(found['memory']).toMatchObject({
      status: 'note',
      found: expect.stringContaining('a tmpfs of 4MB'),
    })
  })

  test('doctor reports a tmpfs larger than the memory as a warning', async () => {
    const found = await doctorAfter('mount -t tmpfs -o mode=0700,size=100000g tmpfs "$DIR"')
    expect(found['memory']?.status).toBe('warning')
  })

  test("doctor reports that the sizeLimit of an emptyDir on the node's disk is not visible", async () => {
    const script =
      'mkdir -p "$DIR/kubernetes.io~empty-dir/data" && mount --bind "$DIR/kubernetes.io~empty-dir/data" "$DIR"'
    const found = await doctorAfter(script)
    expect(found['emptyDir']?.found).toContain('its sizeLimit is not visible from inside')
  })

  // CONFIG_TMPFS_QUOTA, since Linux 6.6: a kernel without it refuses the mount.
  if (hasTmpfsQuota())
    test('doctor reports the user quotas of a tmpfs', async () => {
      const found = await doctorAfter('mount -t tmpfs -o mode=0700,usrquota tmpfs "$DIR"')
      expect(found['quota']).toMatchObject({ status: 'note', found: expect.stringContaining('usrquota') })
    })
})

function hasTmpfsQuota(): boolean {
  const tried = 'mount -t tmpfs -o usrquota tmpfs /mnt'
  return spawnSync('unshare', ['--mount', 'bash', '-c', tried], { stdio: 'ignore' }).status === 0
}
