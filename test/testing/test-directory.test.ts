import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { TempFileManager } from '../../src/index.ts'
import { openTestDirectory, summaryOf } from '../../src/testing/test-directory.ts'
import { tempBase } from '../fixtures/temp-base.ts'

test('two tests at once share a session, which ends with the last one', async () => {
  const baseDir = tempBase()
  const [a, b] = [openTestDirectory({ baseDir }), openTestDirectory({ baseDir, suffix: '.b' })]
  expect(b.dir.name).toMatch(/\.b$/)
  const session = join(a.dir.path, '..')
  expect(join(b.dir.path, '..')).toBe(session)
  await a.end(undefined)
  expect([existsSync(a.dir.path), existsSync(b.dir.path)]).toEqual([false, true])
  await b.end(undefined)
  expect(existsSync(session)).toBe(false)
})

test('with { count: 1 } the directory of the newest failure only is kept', async () => {
  const baseDir = tempBase()
  for (const name of ['older', 'newer']) {
    const { dir, end } = openTestDirectory({ baseDir, preserve: { count: 1 } })
    writeFileSync(dir.join(name), '')
    await end(name)
  }
  const manager = new TempFileManager({ baseDir, name: 'temp-file-manager-tests' })
  expect((await manager.usage()).kept.map(({ reason }) => reason)).toEqual(['newer'])
})

test.each([
  ['an unknown option', { baseDirectory: '/tmp' }],
  ['a number for preserve', { preserve: 3 }],
  ['true for preserve', { preserve: true }],
  ['a name that is a path', { name: '../x' }],
])('%s is refused', (_what, options) => {
  expect(() => openTestDirectory(options as object)).toThrow(
    expect.objectContaining({ name: 'TempFileError' }),
  )
})

test.each([
  [new Error('one\ntwo'), 'one'],
  ['text', 'text'],
  [undefined, 'it failed'],
])('the summary of %s is its first line', (error, summary) => {
  expect(summaryOf(error)).toBe(summary)
})
