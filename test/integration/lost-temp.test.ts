import { expect, test } from 'vitest'
import { runChild } from '../fixtures/child.ts'
import { tempBase } from '../fixtures/temp-base.ts'

test('under DEBUG a temp that was collected without being disposed is named, with the line that made it', async () => {
  const ended = await runChild('lost.mts', {
    args: [tempBase()],
    node: ['--expose-gc'],
    env: { DEBUG: 'temp-file-manager:file' },
  })
  expect(ended).toMatchObject({ code: 0 })
  const lost = ended.stderr.split('\n').filter((line) => line.includes('collected without being disposed'))
  expect(lost).toHaveLength(1)
  expect(lost[0]).toContain('/lost-')
  expect(ended.stderr).toMatch(/at careless .*lost\.m[jt]s/)
})

test('without DEBUG nothing is printed', async () => {
  const ended = await runChild('lost.mts', { args: [tempBase()], node: ['--expose-gc'], env: { DEBUG: '' } })
  expect(ended).toMatchObject({ code: 0, stderr: '' })
})
