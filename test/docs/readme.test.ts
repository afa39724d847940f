import { fileURLToPath } from 'node:url'
import { allBlocks } from './code-blocks.ts'
import { testBlocks } from './run-block.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

testBlocks(
  ROOT,
  allBlocks(ROOT).filter((block) => block.runs && block.where.startsWith('README.md')),
)
