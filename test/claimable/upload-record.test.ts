import fs, { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readUpload } from '../../src/claimable/upload-record.ts'
import { tempBase } from '../fixtures/temp-base.ts'

const ID = 'u0123456789abcdefghjkmnpqr'
const good = {
  v: 1,
  id: ID,
  name: 'tmp-1.mkv',
  ttl: 1000,
  maxAge: 2000,
  length: 10,
  hash: 'sha256',
  expectedDigests: [{ algorithm: 'sha256', value: 'ab' }],
  createdInBoot: { boot: 3, uptimeMs: 4 },
}

function read(record: object, id = ID) {
  const directory = tempBase()
  writeFileSync(join(directory, 'upload.json'), JSON.stringify(record), { mode: 0o600 })
  return readUpload({ fs: { ...fs, native: true } }, directory, id)
}

test('facts that were declared at the creation are read back, and the rest has its default', () => {
  expect(read(good)).toEqual({
    state: 'read',
    record: {
      ...good,
      durable: true,
      originalName: undefined,
      type: undefined,
      meta: undefined,
      protocol: undefined,
      createdAt: 0,
      creator: { pid: 0, hostname: '' },
    },
  })
})

test('a record of another upload or version, or with another data path, is refused', () => {
  const refused = [
    read(good, 'u0123456789abcdefghjkmnpqs'),
    read({ ...good, v: 2 }),
    read({ ...good, name: '../../escape' }),
    read({ ...good, ttl: '7d' }),
    read({ ...good, maxAge: undefined }),
  ]
  expect(refused.map(({ state }) => state)).toEqual(Array(5).fill('refused'))
})

test('a digest or boot clock that is not whole counts as not declared', () => {
  expect(
    read({ ...good, expectedDigests: [{ algorithm: 'sha256' }], createdInBoot: { boot: 3 } }),
  ).toMatchObject({
    state: 'read',
    record: { expectedDigests: [], createdInBoot: undefined },
  })
})
