import fs, { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { measureTree, measureUserFiles } from '../../src/disk/measure.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

test('a tree is measured without following its links', async () => {
  const [base, other] = [tempBase(), tempBase()]
  writeFileSync(join(other, 'large'), 'x'.repeat(1000))
  mkdirSync(join(base, 'inner'))
  writeFileSync(join(base, 'inner/five'), '12345')
  symlinkSync(other, join(base, 'link'))
  expect(await measureTree(fs, base)).toEqual({ files: 2, bytes: 5 + other.length })
})

test('of a session only the files of its user count: not its record, its leases and the records of its claims', async () => {
  const manager = tempManager()
  writeFileSync(manager.file().path, '123')
  const dir = manager.dir()
  writeFileSync(dir.join('owner.json'), '12') // a name of the user's own
  await using claim = await manager.claim(await (await manager.receive('12345')).handOff())
  await new Promise((resolve) => setImmediate(resolve)) // the leases are bound
  expect(fs.readdirSync(String(manager.sessionPath))).toContain('lease')
  expect(await measureUserFiles(fs, String(manager.sessionPath))).toEqual({ files: 3, bytes: 10 })
  expect(claim.attempt).toBe(1)
})

test('a directory that does not exist measures as empty', async () => {
  expect(await measureUserFiles(fs, join(tempBase(), 'nothing'))).toEqual({ files: 0, bytes: 0 })
})
