// The end of a session in which nothing is left but its own record.

import fs, { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { layoutOf } from '../../src/layout.ts'
import { condemn, removeBareSession } from '../../src/removal/condemn.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

/** A condemned session with these entries beside its record. */
function condemned(...entries: readonly string[]): string {
  const layout = layoutOf(tempBase())
  const session = join(layout.sessions, 's-1-x')
  mkdirSync(join(session, 'claims'), { recursive: true })
  mkdirSync(layout.handoffs)
  writeFileSync(join(session, 'owner.json'), '{}')
  for (const entry of entries) writeFileSync(join(session, entry), 'data')
  return condemn({ fs, native: true, layout }, session, '1-x')
}

test('a session with nothing but its record is removed', () => {
  const gone = condemned()
  expect(basename(gone)).toMatch(/^\.gone-1-x-/)
  expect(removeBareSession(fs, gone)).toBe(true)
  expect(existsSync(gone)).toBe(false)
})

test.each(['tmp-1.txt', 'lease', 'claims/ticket'])(
  'a session with %s in it is left to the general removal',
  (entry) => {
    const gone = condemned(entry)
    expect(removeBareSession(fs, gone)).toBe(false)
    expect(existsSync(join(gone, entry))).toBe(true)
  },
)

test('a manager that ends before the event loop turns removes its session, with the files that are left in it', () => {
  const manager = tempManager()
  onTestFinished(() => manager.close())
  const file = manager.file()
  const dir = manager.dir()
  writeFileSync(join(dir.path, 'inside'), 'data')
  manager.closeSync()
  expect([existsSync(file.path), readdirSync(join(manager.root, 'sessions'))]).toEqual([false, []])
})
