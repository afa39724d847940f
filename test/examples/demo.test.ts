// npm run demo, as a newcomer sees it.

import { expect, test } from 'vitest'
import { cleanUpAfterEach, filesBelow, ownDirectory, run } from './programs.ts'

cleanUpAfterEach()

test('the demo ends by itself, with everything as it claims, and leaves nothing', async () => {
  const directory = await ownDirectory()
  const { status, output } = await run('demo/main.ts', directory)
  expect(output).toContain('Everything was as claimed')
  expect(output).not.toContain('NOT SO')
  expect(output, 'colours are for terminals').not.toContain('\u001b[')
  expect(status).toBe(0)
  expect(await filesBelow(directory)).toEqual([])
}, 180_000)
