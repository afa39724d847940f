import { expect, test } from 'vitest'
import { commandOf, parseWords } from '../../src/cli/arguments.ts'
import { COMMANDS } from '../../src/cli/commands.ts'
import { PROGRAM } from '../../src/cli/pages.ts'

const examples = [PROGRAM, ...COMMANDS.map(({ page }) => page)].flatMap((page) => page.examples)

test.each(examples)('the example %j is a command line that is accepted', (example) => {
  const own = /temp-file-manager ([^|>")]+)/.exec(example)?.[1]?.trim().split(/ +/) ?? []
  const command = commandOf(COMMANDS, own[0])
  expect(() => parseWords(command, own.slice(1))).not.toThrow()
})
