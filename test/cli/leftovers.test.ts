import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { tempBase } from '../fixtures/temp-base.ts'
import { capture, MAIN, type Ran, run } from './command-line.ts'

/** In a process namespace of its own: processes of this machine that cannot be inspected would keep everything. */
const sweep = (base: string, ...more: string[]) => sweepBeside('true', base, ...more)

/** The same, beside a process that ran `script` first; $DIR is the directory of the leftovers. */
async function sweepBeside(script: string, base: string, ...more: string[]): Promise<Ran> {
  const words = ['sweep', '--prefix', 'myapp-', '--in', base, '--older-than', '0ms', ...more]
  const line = [process.execPath, MAIN, ...words].map((word) => `'${word}'`).join(' ')
  return await capture(
    ['unshare', '--pid', '--fork', '--mount-proc', 'bash', '-c', `${script}; cd /; ${line}; exit $?`],
    { DIR: join(base, 'myapp-abc') },
  )
}

function leftover(base: string, name = 'myapp-abc'): string {
  const path = join(base, name)
  mkdirSync(path, { mode: 0o700 })
  writeFileSync(join(path, 'data'), 'x')
  return path
}

describe('sweep --prefix', () => {
  test('is a dry run that gives a reason, unless --delete is given', async () => {
    const base = tempBase()
    const path = leftover(base)
    const dry = await sweep(base)
    expect(dry).toMatchObject({ status: 0 })
    expect(dry.stdout).toMatch(/^would-remove {2}\S+myapp-abc: nothing in it changed .*no process uses it$/m)
    expect(existsSync(path)).toBe(true)
    expect((await sweep(base, '--delete')).stdout).toMatch(/^removed /m)
    expect(existsSync(path)).toBe(false)
  })

  test.each([
    ['an open file in it', 'exec 5<"$DIR/data"'],
    ['it as current directory', 'cd "$DIR"; sleep 1000 & true'],
  ])('keeps a directory while a live process has %s', async (_what, script) => {
    const base = tempBase()
    const path = leftover(base)
    const { stdout } = await sweepBeside(script, base, '--delete')
    expect(stdout).toMatch(/^kept .*in use by process \d+ \((bash|sleep)\)$/m)
    expect(existsSync(join(path, 'data'))).toBe(true)
  })

  test('keeps what changed recently', async () => {
    const base = tempBase()
    leftover(base)
    const { stdout } = await run(['sweep', '--prefix', 'myapp-', '--in', base, '--delete'])
    expect(stdout).toContain('changed too recently')
  })

  test('never follows a link', async () => {
    const [base, other] = [tempBase(), tempBase()]
    const target = leftover(other, 'precious')
    symlinkSync(target, join(base, 'myapp-link'))
    symlinkSync(target, join(leftover(base), 'inner'))
    const { stdout } = await sweep(base, '--delete')
    expect(stdout).toContain('is a symbolic link')
    expect(existsSync(join(target, 'data'))).toBe(true)
  })

  test('looks at no other name', async () => {
    const base = tempBase()
    const other = leftover(base, 'yourapp-1')
    await sweep(base, '--delete')
    expect(existsSync(other)).toBe(true)
  })

  test.each([
    ['a prefix of two characters', ['--prefix', 'my', '--in', '/tmp']],
    ['a prefix that is a path', ['--prefix', '../x', '--in', '/tmp']],
    ['no directory', ['--prefix', 'myapp-']],
    ['a root', ['--prefix', 'myapp-', '--in', '/tmp', '--name', 'x']],
    ['a bad age', ['--prefix', 'myapp-', '--in', '/tmp', '--older-than', '3 days ago']],
    ['--delete without a prefix', ['--delete']],
  ])('refuses %s with status 2', async (_what, args) => {
    expect((await run(['sweep', ...args])).status).toBe(2)
  })
})
