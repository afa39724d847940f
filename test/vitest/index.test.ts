import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, expectTypeOf, test } from 'vitest'
import type { TempDir } from '../../src/index.ts'
import { tempDir, tempDirFixture, type VitestContext } from '../../src/vitest/index.ts'
import { testProject } from '../fixtures/test-project.ts'

const VITEST = ['node_modules/vitest/vitest.mjs', 'run', '--maxWorkers=2', '--no-cache']

const HEAD = `
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { afterEach, describe, expect, test as base } from 'vitest'
import { tempDir, tempDirFixture } from 'temp-file-manager/vitest'
const test = base.extend(tempDirFixture())
`

test('in a real project every test has a directory of its own, and only those of failed tests are kept', async () => {
  const project = testProject({
    'a.test.js': `${HEAD}
      const seen = []
      test('first', ({ tempDir }) => { seen.push(tempDir.path); writeFileSync(tempDir.join('x'), '') })
      test('second', ({ tempDir }) => { expect(seen).not.toContain(tempDir.path); expect(existsSync(seen[0])).toBe(false) })
      test('no directory without the fixture', () => expect(true).toBe(true))
      describe('group', () => {
        test('fails', ({ tempDir }) => { writeFileSync(tempDir.join('trace'), ''); expect(1).toBe(2) })
        afterEach(({ task }) => { if (task.name === 'late') throw new Error('in afterEach') })
        test('late', ({ tempDir }) => { tempDir.join('x') })
      })
      test.fails('expected to fail', ({ tempDir }) => { tempDir.join('x'); throw new Error('as expected') })
    `,
    'b.test.js': `${HEAD}
      base.concurrent('helper 1', (context) => writeFileSync(tempDir(context, { suffix: '.one' }).join('x'), ''))
      base.concurrent('helper 2', (context) => { writeFileSync(tempDir(context).join('trace'), ''); throw new Error('of helper 2') })
    `,
  })
  const { status, output } = await project.run(VITEST)
  expect(output).toMatch(/Tests +3 failed \| 4 passed \| 1 expected fail/)
  expect(status).toBe(1)
  expect(project.reasons()).toEqual([
    'a.test.js > group > fails: expected 1 to be 2 // Object.is equality',
    'a.test.js > group > late: in afterEach',
    'b.test.js > helper 2: of helper 2',
  ])
  expect(output).toMatch(/Temporary files were kept: a.test.js > group > fails: .*\n\S*kept\/failed-/)
  expect(project.names('sessions')).toEqual([])
})

test('of a test that is repeated or retried the attempts that failed are kept, each with its own error', async () => {
  const project = testProject({
    'a.test.js': `${HEAD}
      let tries = 0
      test('flaky', { retry: 2 }, ({ tempDir }) => { if (++tries < 3) throw new Error('try ' + tries + tempDir.path.slice(0, 0)) })
      let rounds = 0
      test('rare', { repeats: 4 }, ({ tempDir }) => { if (++rounds === 2) throw new Error('round 2' + tempDir.path.slice(0, 0)) })
    `,
  })
  await project.run(VITEST)
  expect(project.reasons()).toEqual([
    'a.test.js > flaky: try 1',
    'a.test.js > flaky: try 2',
    'a.test.js > rare: round 2',
  ])
})

test('of many failed tests the newest three are kept, and none with preserve: false', async () => {
  const project = testProject({
    'a.test.js': `${HEAD}
      for (let n = 1; n <= 5; n++) base('fails ' + n, (context) => { tempDir(context); throw new Error('e') })
      base('none', (context) => { tempDir(context, { preserve: false }); throw new Error('e') })
    `,
  })
  await project.run(VITEST)
  expect(project.reasons()).toEqual([3, 4, 5].map((n) => `a.test.js > fails ${n}: e`))
})

test('files of a run that was killed with SIGKILL are removed by the next run', async () => {
  const project = testProject({
    'hangs.test.js': `${HEAD}
      test('hangs', async ({ tempDir }) => {
        writeFileSync(tempDir.join('left'), '')
        writeFileSync('up', '')
        await new Promise((resolve) => setTimeout(resolve, 60_000))
      }, 60_000)`,
    'passes.test.js': `${HEAD}
      test('passes', ({ tempDir }) => { writeFileSync('next', tempDir.path) })`,
  })
  await project.killAt('up', [...VITEST, 'hangs'])
  expect(project.names('sessions')).not.toEqual([]) // its sweep may have been asking the volume for its time
  expect(await project.run([...VITEST, 'passes'])).toMatchObject({ status: 0 })
  expect(project.names('sessions')).toEqual([])
})

const baseDir = mkdtempSync(join(tmpdir(), 'tfm-test-'))
afterAll(() => rmSync(baseDir, { recursive: true }))
const extended = test.extend(tempDirFixture({ baseDir }))

extended('the fixture is a TempDir in its type and in this very project', ({ tempDir: dir }) => {
  expectTypeOf(dir).toEqualTypeOf<TempDir>()
  expect(readdirSync(dir.path)).toEqual([])
})

test('a context of another runner is refused', () => {
  expect(() => tempDir({} as VitestContext)).toThrow('the context that Vitest passes')
  expect(() => tempDir({ task: { name: 'x' }, onTestFinished: () => {} }, { nam: 'x' } as object)).toThrow(
    /name/,
  )
})
