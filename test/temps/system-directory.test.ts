import { expect, test } from 'vitest'
import { isSystemDirectory } from '../../src/temps/system-directory.ts'

const SYSTEM = `/ /etc /home /lib64 /tmp /usr/local /var/lib /private/var /Users /System
  C:\\ c:\\windows C:\\ProgramData C:\\Users`
const OTHERS = `/etc/app /data /frames-42 /home/me /tmp/app-1 /var/app /usr/local/app /srv/uploads /my/etc
  /in-memory/etc C:\\data C:\\Users\\me`

const paths = (text: string): string[] => text.split(/\s+/)

test.each(paths(SYSTEM))('%s is a directory of the system', (path) => {
  expect(isSystemDirectory(path)).toBe(true)
})

test.each(paths(OTHERS))('%s is not a directory of the system', (path) => {
  expect(isSystemDirectory(path)).toBe(false)
})

test('a directory of the system may have a space in its name', () => {
  expect(isSystemDirectory('C:\\Program Files (x86)')).toBe(true)
})
