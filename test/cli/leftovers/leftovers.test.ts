import { chmodSync, chownSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { tempBase } from '../../fixtures/temp-base.ts'
import { capture, MAIN, type Ran, run } from '../command-line.ts'

const ROOT = process.getuid?.() === 0

/** Sweeps what is older than nothing. */
const sweep = (base: string, ...more: string[]) => sweepBeside('true', base, ...more)

/**
 * The same, beside a process that ran `script` first; $DIR is the directory of the leftovers. Root gets a process
 * namespace of its own, so that no process of this machine matters; an ordinary user ignores those of others.
 */
async function sweepBeside(script: string, base: string, ...more: string[]): Promise<Ran> {
  const alone = ROOT ? ['unshare', '--pid', '--fork', '--mount-proc'] : []
  const ignore = ROOT ? [] : ['--ignore-uninspectable']
  return await capture([...alone, ...shell(script, [...words(base), ...ignore, ...more])], {
    DIR: join(base, 'myapp-abc'),
  })
}

const words = (base: string): string[] => ['sweep', '--prefix', 'myapp-', '--in', base, '--older-than', '0ms']

/** Runs `script`, then the command line, in one shell; the jobs of the script end with it. */
function shell(script: string, args: readonly string[]): string[] {
  const line = [process.execPath, MAIN, ...args].map((word) => `'${word}'`).join(' ')
  return ['bash', '-c', `trap 'kill $(jobs -p) 2>/dev/null' EXIT; ${script}; cd /; ${line}; exit $?`]
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
    expect(dry.stdout).toMatch(
      /^would-remove {2}\S+myapp-abc: nothing in it changed for 0ms, and no process uses it( \(\d+ not inspected\))?$/m,
    )
    expect(existsSync(path)).toBe(true)
    expect((await sweep(base, '--delete')).stdout).toMatch(/^removed /m)
    expect(existsSync(path)).toBe(false)
  })

  test.each([
    ['an open file in it', 'exec 5<"$DIR/data"'],
    ['it as current directory', 'cd "$DIR"; sleep 1000 & true'],
    ['a program in it', 'cp "$(command -v sleep)" "$DIR/sleep"; "$DIR/sleep" 1000 & true'],
  ])('keeps a directory while a live process has %s', async (_what, script) => {
    const base = tempBase()
    const path = leftover(base)
    const { stdout } = await sweepBeside(script, base, '--delete')
    expect(stdout).toMatch(/^kept .*in use by process \d+ \((bash|sleep)\)$/m)
    expect(existsSync(join(path, 'data'))).toBe(true)
  })

  test.skipIf(!ROOT)(
    'keeps a directory that is mounted in another mount namespace (needs root)',
    async () => {
      const base = tempBase()
      const path = leftover(base)
      mkdirSync(join(base, 'data'))
      const script = `unshare --mount bash -c 'mount --bind "$DIR" "${base}/data"; : > "${base}/up"; exec sleep 1000' & while [ ! -e "${base}/up" ]; do sleep 0.01; done`
      const { stdout } = await sweepBeside(script, base, '--delete')
      expect(stdout).toMatch(/^kept .*mounted by process \d+ \(\S+\)$/m)
      expect(existsSync(join(path, 'data'))).toBe(true)
    },
  )

  describe.skipIf(!ROOT)('for an ordinary user beside processes of root (needs root to set up)', () => {
    const USER = 65534

    /** Runs the sweep as an ordinary user in a process namespace whose other processes belong to root. */
    async function asUser(base: string, ...more: string[]): Promise<Ran> {
      const drop = ['setpriv', `--reuid=${USER}`, `--regid=${USER}`, '--clear-groups', '--']
      const line = [...drop, process.execPath, MAIN, ...words(base), ...more].join(' ')
      return await capture(
        ['unshare', '--pid', '--fork', '--mount-proc', 'bash', '-c', `${line}; exit $?`],
        {},
      )
    }

    function userLeftover(base: string, mode = 0o700): string {
      chmodSync(base, 0o755)
      const path = leftover(base)
      chmodSync(path, mode)
      for (const each of [base, path, join(path, 'data')]) chownSync(each, USER, USER)
      return path
    }

    test('keeps everything, and names the process and both ways out', async () => {
      const base = tempBase()
      const path = userLeftover(base)
      const { stdout, status } = await asUser(base, '--delete')
      expect(stdout).toMatch(
        /^kept .*process 1 \(bash\) cannot be inspected \(EACCES\): run this as root with --owner, or add --ignore-uninspectable/m,
      )
      expect(status).toBe(0)
      expect(existsSync(path)).toBe(true)
    })

    test('--ignore-uninspectable deletes a directory of mode 0700, and reports how many were not inspected', async () => {
      const base = tempBase()
      const path = userLeftover(base)
      const { stdout } = await asUser(base, '--delete', '--ignore-uninspectable')
      expect(stdout).toMatch(/^removed .*no process uses it \(1 not inspected\)$/m)
      expect(existsSync(path)).toBe(false)
    })

    test('--ignore-uninspectable keeps a directory that others can enter', async () => {
      const base = tempBase()
      const path = userLeftover(base, 0o755)
      const { stdout } = await asUser(base, '--delete', '--ignore-uninspectable')
      expect(stdout).toContain("the directory's mode lets other users in")
      expect(existsSync(path)).toBe(true)
    })

    test('--owner lets root sweep the directories of that user only', async () => {
      const base = tempBase()
      const path = userLeftover(base)
      const roots = leftover(base, 'myapp-root')
      expect((await asUser(base, '--owner', '0')).status).toBe(2)
      const { stdout } = await sweep(base, '--delete', '--owner', String(USER))
      expect(stdout).toMatch(/^removed .*myapp-abc/m)
      expect(stdout).toMatch(/^kept .*myapp-root: it belongs to another user \(uid 0\)$/m)
      expect([existsSync(path), existsSync(roots)]).toEqual([false, true])
    })
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
    expect(stdout).toContain('it is a symbolic link')
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
    ['an owner that is a name', ['--prefix', 'myapp-', '--in', '/tmp', '--owner', 'nobody']],
    ['a bad age', ['--prefix', 'myapp-', '--in', '/tmp', '--older-than', '3 days ago']],
    ['--delete without a prefix', ['--delete']],
  ])('refuses %s with status 2', async (_what, args) => {
    expect((await run(['sweep', ...args])).status).toBe(2)
  })
})
