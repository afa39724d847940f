// Base directories as people have them. Guarantee: the lease separates the living from the dead in each, also where a
// socket's path is longer than the 107 bytes that the kernel takes, and a path stays true after a chdir.

import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { bundle } from '../fixtures/bundle.ts'
import { Held } from '../fixtures/held-process.ts'
import { canMount } from '../fixtures/mounts.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

let programs = ''
beforeAll(async () => {
  programs = await bundle('owner')
})

/** In a pid namespace of its own only the lease can be heard. */
const UNDER = canMount ? ['unshare', '-pf', '--mount-proc'] : []

describe.skipIf(process.platform !== 'linux')('base directories', () => {
  test.each([
    ['of over 107 bytes', join('l'.repeat(60), 'o'.repeat(60), 'ng'.repeat(60))],
    ['of nearly 4,096 bytes', Array.from({ length: 18 }, () => 'n'.repeat(200)).join('/')],
    ['with spaces, quotes, a backslash and emoji', 'it\'s "my" \\040 disk 🙂/ñ\t'],
    ['that ends where a socket path must', 'x'.repeat(107)],
  ])(
    'in a base directory %s the lease spares a live owner, and lets a killed one be swept',
    async (_, name) => {
      const base = join(tempBase(), name)
      mkdirSync(base, { recursive: true })
      const owners = [1, 2].map(() => new Held(join(programs, 'owner.cjs'), { args: [base], under: UNDER }))
      const files = await Promise.all(owners.map((owner) => owner.line('ready')))
      const [live = '', killed = ''] = files
      await owners[1]?.slay()
      const report = await tempManager({ baseDir: base }).sweep()
      const reason = (file: string): string | undefined =>
        report.items.find((entry) => entry.name.endsWith(basename(dirname(file))))?.reason
      expect(report.errors).toEqual([])
      expect(reason(live)).toMatch(/lease answers\)$/)
      expect(reason(killed)).toMatch(/lease refuses\)$/)
      expect(readFileSync(live, 'utf8')).toBe(basename(live))
      expect(existsSync(dirname(killed))).toBe(false)
    },
  )

  test('a base directory that is relative means the same after a chdir', async () => {
    const cwd = tempBase()
    mkdirSync(join(cwd, 'relative'))
    const owner = new Held(join(programs, 'owner.cjs'), { args: ['relative'], cwd })
    const first = await owner.line('ready')
    expect(isAbsolute(first)).toBe(true)
    owner.say('chdir /')
    await owner.line('done')
    owner.say('file')
    const second = await owner.line('file')
    expect(dirname(second)).toBe(dirname(first))
    expect(second.startsWith(join(cwd, 'relative'))).toBe(true)
    await owner.slay()
    await tempManager({ baseDir: join(cwd, 'relative') }).sweep()
    expect(existsSync(dirname(first))).toBe(false)
  })

  test('a base directory that does not exist yet is resolved to its real path', () => {
    const base = tempBase()
    mkdirSync(join(base, 'real'))
    const manager = tempManager({ baseDir: join(base, 'real', '..', 'real', 'new', 'er') })
    expect(dirname(manager.root)).toBe(join(base, 'real', 'new', 'er'))
    expect(existsSync(manager.file().path)).toBe(true)
  })
})
