import { expect, test } from 'vitest'
import { runChild } from '../fixtures/child.ts'
import { tempBase } from '../fixtures/temp-base.ts'

test('the memory of a server does not grow with parts or checksums that its clients announced and never sent', async () => {
  const { code, stdout } = await runChild('tus-memory.ts', { args: [tempBase()], node: ['--expose-gc'] })
  expect(code).toBe(0)
  const { ordinary, part, checked } = JSON.parse(stdout)
  expect(Math.max(part, checked) - ordinary, stdout).toBeLessThan(600_000) // the ids alone have 1.2 MB
})
