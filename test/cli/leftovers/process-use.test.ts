import { closeSync, mkdirSync, openSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  hidesProcesses,
  identityOf,
  mappedFiles,
  mountedRoots,
  overlayLayers,
  readProcessUse,
} from '../../../src/cli/leftovers/process-use.ts'
import { tempBase } from '../../fixtures/temp-base.ts'

const stat = (path: string): string => identityOf(statSync(path, { bigint: true }))

test('an open file is listed with the process that has it open', () => {
  const path = join(tempBase(), 'file')
  const fd = openSync(path, 'w')
  const { files } = readProcessUse()
  closeSync(fd)
  expect(files.get(stat(path))).toMatch(new RegExp(`^process ${process.pid} \\(`))
})

test('the files that this process has mapped are found by their device and inode', () => {
  expect(mappedFiles(readFileSync('/proc/self/maps', 'utf8'))).toContain(stat(process.execPath))
})

/** A /proc with one process, whose files are as given. */
function crafted(stat: string, files: Readonly<Record<string, string>> = {}): string {
  const proc = tempBase()
  for (const directory of ['self', '7/task/7/fd', '7/task/7/ns'])
    mkdirSync(join(proc, directory), { recursive: true })
  const all = { stat, maps: '', mountinfo: '', ...files }
  for (const [name, text] of Object.entries(all)) writeFileSync(join(proc, '7/task/7', name), text)
  writeFileSync(join(proc, '7/comm'), 'crafted\n')
  writeFileSync(join(proc, 'self/mountinfo'), files['self/mountinfo'] ?? '')
  for (const link of ['cwd', 'root', 'ns/mnt']) symlinkSync('/', join(proc, '7/task/7', link))
  return proc
}

test.each([
  ['a zombie', '7 (a) b) Z 1 1 1 0 -1 4194560 '],
  ['a thread of the kernel', '7 (kworker/0:0) I 2 0 0 0 -1 69238880 '],
])('%s uses nothing', (_what, line) => {
  const { files, mounts } = readProcessUse(crafted(line, { mountinfo: '1 1 8:1 / / rw - ext4 a rw\n' }))
  expect([...files.values()].filter((user) => user.startsWith('process'))).toEqual([])
  expect([...mounts]).toEqual([])
})

test('a process of which one part cannot be read is listed as not inspected', () => {
  const proc = crafted('7 (a) S 1 1 1 0 -1 4194560 ')
  expect(readProcessUse(proc).uninspected).toEqual([])
  mkdirSync(join(proc, '8/task/8/stat'), { recursive: true }) // EISDIR, as an example of an error other than 'it has ended'
  expect(readProcessUse(proc).uninspected).toEqual([{ process: 'process 8', reason: 'EISDIR' }])
})

test.each([
  ['rw,hidepid=invisible', 1000, true],
  ['rw,hidepid=2,gid=4', 1000, true],
  ['rw,hidepid=off', 1000, false],
  ['rw', 1000, false],
  ['rw,hidepid=2', 0, false],
])('/proc mounted with %s hides processes from the user %i: %s', (options, uid, hides) => {
  const mountinfo = `25 30 0:23 / /proc rw,nosuid - proc proc ${options}\n26 30 0:24 / /sys rw - sysfs sysfs rw\n`
  expect(hidesProcesses(mountinfo, '/proc', uid)).toBe(hides)
})

test('mounts are read with spaces in their paths', () => {
  expect(mountedRoots('36 35 98:0 /a\\040b /mnt rw - ext4 /dev/sda rw\n')).toEqual([['98:0', '/a b']])
})

test('the layers of overlays are read, with colons and spaces in their paths', () => {
  const mountinfo =
    '40 35 0:40 / /ovl rw - overlay overlay rw,lowerdir=/a\\040b:/c\\:d,upperdir=/u,workdir=/w,index=off\n36 35 98:0 / /mnt rw - ext4 /dev/sda rw\n'
  expect(overlayLayers(mountinfo)).toEqual(['/a b', '/c:d', '/u', '/w'])
})
