import fs, { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { foreignAt } from '../../src/sweep/sweep-finding.ts'
import { slashed } from '../fixtures/slashed.ts'
import { steppingDisk } from '../fixtures/stepping-disk.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

test('only a directory can be an entry of this package; a link to one is not', () => {
  const base = tempBase()
  mkdirSync(join(base, 'directory'))
  symlinkSync('directory', join(base, 'link'))
  writeFileSync(join(base, 'file'), '')
  const found = (name: string) => foreignAt(fs, join(base, name), 'session')
  expect(found('directory')).toBeUndefined()
  for (const name of ['link', 'file'])
    expect(found(name)).toEqual({ kind: 'foreign', action: 'kept', reason: 'not a directory' })
})

test('a handoff that is claimed and given back while a sweep looks at it is no error of the sweep', async () => {
  const baseDir = tempBase()
  const owner = tempManager({ baseDir })
  const ticket = await (await owner.receive('text')).handOff()
  const [free, away] = [join(owner.root, 'handoffs', ticket), join(tempBase(), ticket)]
  let moves = 0
  const disk = steppingDisk(() => {})
  const { lstatSync } = disk
  Object.assign(disk, {
    lstatSync(...given: readonly unknown[]): unknown {
      if (!slashed(String(given[0])).endsWith(`/handoffs/${ticket}`) || moves++ > 0)
        return Reflect.apply(lstatSync, disk, given)
      renameSync(free, away)
      try {
        return Reflect.apply(lstatSync, disk, given)
      } finally {
        renameSync(away, free)
      }
    },
  })
  const report = await tempManager({ baseDir, fs: disk }).sweep()
  expect(moves).toBeGreaterThan(0)
  expect(report.errors).toEqual([])
  expect(report.handoffs.map((info) => info.ticket)).toEqual([ticket])
})
