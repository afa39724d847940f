import { expect, test } from 'vitest'
import { runChild } from '../fixtures/child.ts'
import { tempBase } from '../fixtures/temp-base.ts'

test('a cluster’s workers hold leases of their own: a killed one is swept, the other lives', async () => {
  const ended = await runChild('clustered.mts', { args: [tempBase()] })
  expect(ended.stdout.trim().split('\n'), ended.stderr).toEqual([
    'answers answers answers',
    'one killed refuses answers',
    'swept false true true',
    'left 0',
  ])
  expect(ended.code).toBe(0)
})
