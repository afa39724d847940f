import { mkdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { RootUsage } from '../../src/index.ts'
import { tempManager, USER } from '../fixtures/temp-base.ts'
import { run, runIntoHead, runOnTerminal } from './command-line.ts'

// biome-ignore lint/suspicious/noControlCharactersInRegex: what colours and bars are made of
const ESCAPE = /\u001b\[/

describe('the command line itself', () => {
  test.each([
    ['a missing command', []],
    ['an unknown command', ['remove']],
    ['an unknown option', ['ls', '--force']],
    ['a missing operand', ['inspect']],
    ['a bad duration', ['sweep', '--remove-unknown-after', '5 potatoes', '--base-dir', '/nonexistent']],
    ['a bad name', ['ls', '--name', '../up']],
    ['a root that this package did not make', ['ls', '--root', '/tmp']],
    ['a root together with a name', ['ls', '--root', '/tmp/cli-0', '--name', 'cli']],
  ])('%s is status 2, with a message on standard error', async (_, args) => {
    const { status, stdout, stderr } = await run(args)
    expect(status).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).not.toBe('')
  })

  test('on a terminal there are colours and a bar; NO_COLOR takes both away', async () => {
    const manager = tempManager({ name: 'cli' })
    manager.file()
    const sweep = ['sweep', '--root', manager.root]
    const fancy = await runOnTerminal(sweep)
    expect(fancy.status).toBe(0)
    expect(fancy.stdout).toMatch(ESCAPE)
    expect(fancy.stdout).toContain('sweeping')
    expect((await runOnTerminal(['ls', '--root', manager.root])).stdout).toMatch(ESCAPE)
    const plain = await runOnTerminal(sweep, { NO_COLOR: '1' })
    expect(plain.stdout).not.toMatch(ESCAPE)
    expect(plain.stdout).not.toContain('sweeping')
    expect((await runOnTerminal(['ls', '--json', '--root', manager.root])).stdout).not.toMatch(ESCAPE)
  })

  test('a reader that closes the pipe early is not a failure', async () => {
    const manager = tempManager({ name: 'cli' })
    manager.file()
    for (let n = 0; n < 1500; n++) mkdirSync(join(manager.root, 'sessions', `s-${n}-unknown`))
    const { status, stdout, stderr } = await runIntoHead(['ls', '--root', manager.root])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toContain('1501 sessions')
  })

  test('--name and --base-dir name the same root as --root', async () => {
    const manager = tempManager({ name: 'cli' })
    manager.file()
    const { stdout } = await run(['ls', '--name', 'cli', '--json'], {
      TEMP_FILE_MANAGER_DIR: join(manager.root, '..'),
    })
    expect((JSON.parse(stdout) as RootUsage).root).toBe(manager.root)
    expect(basename(manager.root)).toBe(`cli-${USER}`)
  })
})
