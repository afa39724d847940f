import type { test as nodeTest } from 'node:test'
import { expect, expectTypeOf, test } from 'vitest'
import { type NodeTestContext, tempDir } from '../../src/node-test/index.ts'
import { testProject } from '../fixtures/test-project.ts'

const HEAD = `
import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { tempDir } from 'temp-file-manager/node-test'
`

test('with node --test every test has a directory of its own, and only those of failed tests are kept', async () => {
  const project = testProject({
    'a.test.js': `${HEAD}
      const seen = []
      test('first', (t) => { const dir = tempDir(t); seen.push(dir.path); writeFileSync(dir.join('x'), '') })
      test('second', (t) => { assert.notEqual(tempDir(t).path, seen[0]); assert.equal(existsSync(seen[0]), false) })
      describe('group', () => {
        test('fails', async (t) => { writeFileSync(tempDir(t).join('trace'), ''); throw new Error('boom') })
      })
    `,
    'b.test.js': `${HEAD}
      test('times out', { timeout: 50 }, async (t) => { tempDir(t); await new Promise((resolve) => setTimeout(resolve, 200)) })
      test('parent', async (t) => { await t.test('passes inside', (inner) => { tempDir(inner) }) })
    `,
  })
  const { status, output } = await project.run(['--test', '--test-reporter=tap', 'a.test.js', 'b.test.js'])
  expect(output).toMatch(/^# fail 1\n# cancelled 1$/m)
  expect(status).toBe(1)
  const [fails = '', timeout = '', ...others] = project.reasons()
  expect(fails).toMatch(/fails: boom$/)
  expect(timeout).toMatch(/times out: test timed out after 50ms$/)
  expect(others).toEqual([])
  expect(project.names('sessions')).toEqual([])
})

test('files of a run that was killed with SIGKILL are removed by the next run', async () => {
  const project = testProject({
    'hangs.test.js': `${HEAD}
      test('hangs', async (t) => {
        writeFileSync(tempDir(t).join('left'), '')
        writeFileSync('up', '')
        await new Promise((resolve) => setTimeout(resolve, 60_000))
      })`,
    'passes.test.js': `${HEAD}
      test('passes', (t) => { tempDir(t) })`,
  })
  await project.killAt('up', ['--test', 'hangs.test.js'])
  expect(project.names('sessions')).not.toEqual([]) // its sweep may have been asking the volume for its time
  expect(await project.run(['--test', 'passes.test.js'])).toMatchObject({ status: 0 })
  expect(project.names('sessions')).toEqual([])
})

test('the context of node:test fits the helper, another one is refused', () => {
  type Context =
    Parameters<NonNullable<Parameters<typeof nodeTest>[0]>> extends [infer C, ...unknown[]] ? C : never
  expectTypeOf<Context>().toExtend<NodeTestContext>()
  expect(() => tempDir({} as NodeTestContext)).toThrow('the context that node:test passes')
})
