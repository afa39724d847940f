import fs, { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { expireUpload, leftOf } from '../../src/claimable/upload-expiry.ts'
import { layoutOf, type Root } from '../../src/layout.ts'
import { tempBase } from '../fixtures/temp-base.ts'

const ID = 'u0123456789abcdefghjkmnpqr'
const BOOT = 7
const HOUR = 3_600_000

/** A partial upload, created and last written to an hour after this boot began. */
function waiting(ttl: number, maxAge: number): { root: Root; directory: string } {
  const layout = layoutOf(tempBase())
  const directory = join(layout.uploads, ID)
  mkdirSync(directory, { recursive: true })
  mkdirSync(layout.sessions)
  const createdInBoot = { boot: BOOT, uptimeMs: HOUR }
  writeFileSync(
    join(directory, 'upload.json'),
    JSON.stringify({ v: 1, id: ID, name: 'x', ttl, maxAge, createdInBoot }),
    { mode: 0o600 },
  )
  writeFileSync(join(directory, 'at-3'), '')
  utimesSync(join(directory, 'at-3'), BOOT, HOUR / 1000)
  return { root: { fs: { ...fs, native: true }, native: true, layout }, directory }
}

const after = (uptimeMs: number) => ({ boot: { boot: BOOT, uptimeMs }, volume: Date.now() })

test('the time to live counts from the last byte, and the greatest age from the creation', () => {
  const { root, directory } = waiting(2 * HOUR, 5 * HOUR)
  expect(leftOf(root, directory, ID, after(2 * HOUR))).toBe(HOUR)
  utimesSync(join(directory, 'at-3'), BOOT, (5.5 * HOUR) / 1000)
  expect(leftOf(root, directory, ID, after(5.5 * HOUR)), 'maxAge ends first').toBe(0.5 * HOUR)
})

test('an overdue upload is condemned, and a younger one goes back under its name', () => {
  const { root } = waiting(HOUR, 5 * HOUR)
  expect(expireUpload(root, ID, after(1.5 * HOUR))).toBeUndefined()
  expect(readdirSync(root.layout.uploads)).toEqual([ID])
  expect(expireUpload(root, ID, after(2 * HOUR + 1))).toContain(`.gone-${ID}`)
  expect(readdirSync(root.layout.uploads)).toEqual([])
})

test('nothing expires where the volume cannot be asked the time, nor without a record', () => {
  const { root, directory } = waiting(HOUR, 5 * HOUR)
  expect(expireUpload(root, ID, { ...after(9 * HOUR), volume: undefined })).toBeUndefined()
  fs.unlinkSync(join(directory, 'upload.json'))
  expect(leftOf(root, directory, ID, after(9 * HOUR))).toBeUndefined()
  expect(expireUpload(root, ID, after(9 * HOUR))).toBeUndefined()
  expect(readdirSync(root.layout.uploads)).toEqual([ID])
})
