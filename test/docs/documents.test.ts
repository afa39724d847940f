// Every block of code of the documents and docstrings (npm run test:long: about 90 programs). readme.test.ts runs README's ones
// with every run of the suite.

import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { allBlocks } from './code-blocks.ts'
import { compileErrors } from './compile.ts'
import { testBlocks } from './run-block.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const blocks = allBlocks(ROOT)

test('every TypeScript block of the documents and docstrings compiles, strictly', () => {
  const typed = blocks.filter((block) => block.language === 'ts')
  expect(compileErrors(ROOT, typed)).toEqual([])
}, 120_000)

testBlocks(
  ROOT,
  blocks.filter((block) => block.runs),
)
