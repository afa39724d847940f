import fs, { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  atName,
  createMark,
  doneName,
  giveBackUpload,
  lengthName,
  readState,
} from '../../src/claimable/upload-state.ts'
import { layoutOf, type Root } from '../../src/layout.ts'
import { tempBase } from '../fixtures/temp-base.ts'

const ID = 'u0123456789abcdefghjkmnpqr'

/** A root whose session holds a claimed upload with `names` in it. */
function claimed(names: readonly string[]): { root: Root; claim: string } {
  const layout = layoutOf(tempBase())
  const claim = join(layout.sessions, 's-1', 'claims', ID)
  mkdirSync(claim, { recursive: true })
  mkdirSync(layout.uploads)
  for (const name of names) writeFileSync(join(claim, name), '')
  return { root: { fs: { ...fs, native: true }, native: true, layout }, claim }
}

test.each([
  [[atName(0)], { offset: 0, boot: undefined, done: false, length: undefined }],
  [[atName(10, 'b1')], { offset: 10, boot: 'b1', done: false, length: undefined }],
  [[atName(10), lengthName(20)], { offset: 10, done: false, length: 20 }],
  [[doneName(20)], { offset: 20, done: true }],
])('the names %j are read as the state %j', (names, state) => {
  const { root, claim } = claimed(['upload.json', 'data', ...names])
  expect(readState(root, claim)).toMatchObject(state)
})

test.each([[[]], [['at-', 'at-x', 'at--1', 'done-1e3', 'at-12345678901234567']]])(
  'the names %j are not a state',
  (names) => {
    const { root, claim } = claimed(names)
    expect(readState(root, claim)).toBeUndefined()
    expect(readState(root, join(claim, 'missing'))).toBeUndefined()
  },
)

test('a state file is created once, with mode 0600', () => {
  const { root, claim } = claimed([])
  createMark(root, claim, atName(0))
  expect(statSync(join(claim, 'at-0')).mode & 0o777).toBe(0o600)
  expect(() => createMark(root, claim, atName(0))).toThrow('EEXIST')
})

test('a claimed upload with a state goes back to uploads/; one that was never admitted is deleted', () => {
  const admitted = claimed([atName(5)])
  expect(giveBackUpload(admitted.root, admitted.claim, ID)).toBe(true)
  expect(readdirSync(admitted.root.layout.uploads)).toEqual([ID])
  expect(giveBackUpload(admitted.root, admitted.claim, ID), 'it is not there any more').toBe(false)

  const unadmitted = claimed(['upload.json'])
  expect(giveBackUpload(unadmitted.root, unadmitted.claim, ID)).toBe(false)
  expect(existsSync(unadmitted.claim)).toBe(false)
  expect(readdirSync(unadmitted.root.layout.uploads)).toEqual([])
})
