import { execFileSync } from 'node:child_process'
import fs, { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseMounts, readMounts, recentMounts } from '../../src/disk/mounts.ts'

const TEXT = `21 1 254:0 / / rw,relatime - ext4 /dev/vda rw
22 21 0:20 / /proc rw,nosuid - proc proc rw
30 21 0:40 / /srv/my\\040data\\011x rw shared:5 - tmpfs tmpfs rw,size=1024k
31 21 0:41 / /over rw - overlay overlay rw,lowerdir=/l1:/l2,upperdir=/var/up\\054per\\040dir,workdir=/w
32 31 0:42 / /over/inner rw - xfs /dev/vdb rw
33 30 0:43 / /srv/my\\040data\\011x rw - btrfs /dev/vdc rw
40 21 0:50 / /a/b rw - tmpfs tmpfs rw
41 21 0:51 / /a rw - nfs4 host:/x rw
not a mount line
`

describe('parsed tables', () => {
  const table = parseMounts(TEXT)

  test.each([
    ['/', 'ext4', '/'],
    ['/home/me', 'ext4', '/'],
    ['/procession', 'ext4', '/'],
    ['/proc/self', 'proc', '/proc'],
    ['/over/x', 'overlay', '/over'],
    ['/over/inner/y/z', 'xfs', '/over/inner'],
  ])('a table of mounts finds that %s lies on %s', (path, fsType, mountPoint) => {
    expect(table.of(path)).toMatchObject({ fsType, mountPoint })
  })

  test('a table of mounts decodes octal escapes, and the last mount on a point wins', () => {
    expect(table.of('/srv/my data\tx/file')).toMatchObject({ fsType: 'btrfs', mountPoint: '/srv/my data\tx' })
  })

  test('a table of mounts has the decoded upper directory of an overlay, and of no other file system', () => {
    expect(table.of('/over/x')?.upperDir).toBe('/var/up,per dir')
    expect(table.of('/proc')?.upperDir).toBeUndefined()
  })

  test('a table of mounts does not mistake a mount that a later one hides for the one a path lies on', () => {
    expect(table.of('/a/b/file')).toMatchObject({ fsType: 'nfs4', mountPoint: '/a' })
  })

  test('a table of mounts lists the mount points at and below a path, each once, and none beside it', () => {
    expect(table.below('/over')).toEqual(['/over', '/over/inner'])
    expect(table.below('/srv')).toEqual(['/srv/my data\tx'])
    expect(table.below('/ove')).toEqual([])
    expect(table.below('/a')).toEqual(['/a/b', '/a'])
  })

  test('a table of mounts works where the root is not a mount point, as in a chroot', () => {
    const chroot = parseMounts('9 8 0:1 / /tmp rw - tmpfs t rw\n')
    expect(chroot.of('/tmp/x')).toMatchObject({ fsType: 'tmpfs' })
    expect(chroot.of('/etc')).toBeUndefined()
  })

  test('a table of mounts may be empty', () => {
    expect(parseMounts('').below('/')).toEqual([])
    expect(parseMounts('').of('/')).toBeUndefined()
  })
})

describe.runIf(process.platform === 'linux' && process.getuid?.() === 0)(
  'the real table (needs root to mount)',
  () => {
    let base: string
    let mounted: string[]
    beforeEach(() => {
      base = realpathSync(mkdtempSync(join(tmpdir(), 'mounts-test-')))
      mounted = []
    })
    afterEach(() => {
      for (const point of mounted.reverse()) execFileSync('umount', [point])
      rmSync(base, { recursive: true })
    })

    test('the real table of mounts shows a tmpfs and a bind mount, with spaces in their names', () => {
      const [tmpfs, bind] = [join(base, 'a tmpfs'), join(base, 'a bind')]
      mkdirSync(tmpfs)
      mkdirSync(bind)
      execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', tmpfs])
      mounted.push(tmpfs)
      execFileSync('mount', ['--bind', tmpfs, bind])
      mounted.push(bind)
      const table = readMounts()
      expect(table.below(base)).toEqual([tmpfs, bind])
      expect(table.of(join(bind, 'x'))).toMatchObject({ fsType: 'tmpfs', mountPoint: bind })
      expect(table.of(base)?.mountPoint).not.toBe(bind)
    })

    test('a table is believed for a moment only where nothing is mounted below', () => {
      const clear = join(base, 'clear')
      mkdirSync(clear)
      // A busy machine may take longer than the moment between two calls, but not each time.
      const tables = Array.from({ length: 50 }, () => recentMounts(fs, clear))
      expect(new Set(tables).size).toBeLessThan(50)
      const tmpfs = join(base, 'tmpfs')
      mkdirSync(tmpfs)
      execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', tmpfs])
      mounted.push(tmpfs)
      expect(recentMounts(fs, base)).not.toBe(recentMounts(fs, base))
    })
  },
)
