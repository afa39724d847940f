import fs, { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { foreignAt } from '../../src/sweep/sweep-finding.ts'
import { tempBase } from '../fixtures/temp-base.ts'

test('only a directory can be an entry of this package; a link to one is not', () => {
  const base = tempBase()
  mkdirSync(join(base, 'directory'))
  symlinkSync('directory', join(base, 'link'))
  writeFileSync(join(base, 'file'), '')
  const found = (name: string) => foreignAt(fs, join(base, name))
  expect(found('directory')).toBeUndefined()
  for (const name of ['link', 'file'])
    expect(found(name)).toEqual({ kind: 'foreign', action: 'kept', reason: 'not a directory' })
})
