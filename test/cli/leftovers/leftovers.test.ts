import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { canMount } from '../../fixtures/mounts.ts'
import { tempBase } from '../../fixtures/temp-base.ts'
import { capture, MAIN, type Ran, run } from '../command-line.ts'

const ROOT = process.getuid?.() === 0
const BUILT = new URL('../../../dist/index.js', import.meta.url).href
/** 'café.txt' in Latin-1: not UTF-8. */
const LATIN1 = Buffer.from('caf\u00e9.txt', 'latin1')

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

/** A Python program of which a thread opens the file data, after the end of the first thread, or changes to its directory. */
function threads(what: 'open' | 'chdir'): string {
  const used =
    what === 'open' ? 'global f; f = open("data")' : 'libc.unshare(0x200); os.chdir(os.environ["DIR"])'
  const program = `
import ctypes, os, threading, time
libc = ctypes.CDLL(None)
def use():
    ${used.replaceAll('; ', '\n    ').replace('"data"', 'os.environ["DIR"] + "/data"')}
    open(os.environ["DIR"] + "/../up", "w")
    time.sleep(1000)
threading.Thread(target=use).start()
${what === 'open' ? 'libc.pthread_exit(None)' : ''}`
  return `python3 -c '${program}' & while [ ! -e "$DIR/../up" ]; do sleep 0.01; done`
}

/** Runs `script` in a mount namespace of its own, and the sweep outside of it. */
async function sweepMounted(script: string, base: string): Promise<Ran> {
  const inner = `${script}; : > "${base}/up"; while [ ! -e "${base}/end" ]; do sleep 0.01; done`
  return await sweepBeside(
    `unshare --mount bash -c '${inner.replaceAll("'", "'\\''")}' & holder=$!; trap ': > "${base}/end"; wait $holder' EXIT; while [ ! -e "${base}/up" ]; do sleep 0.01; done`,
    base,
    '--delete',
  )
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
  test('sweep --prefix is a dry run that gives a reason, unless --delete is given', async () => {
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
    ['a file open in a thread that outlives the first one', threads('open')],
    ['it as current directory of one thread', threads('chdir')],
  ])('sweep --prefix keeps a directory while a live process has %s', async (_what, script) => {
    const base = tempBase()
    const path = leftover(base)
    const { stdout } = await sweepBeside(script, base, '--delete')
    expect(stdout).toMatch(/^kept .*in use by process \d+ \((bash|sleep|python3)\)$/m)
    expect(existsSync(join(path, 'data'))).toBe(true)
  })

  test.skipIf(!canMount)('sweep --prefix keeps the layers of a mounted overlay (needs root)', async () => {
    const base = tempBase()
    const path = leftover(base)
    const script = `mkdir "$DIR"/{l,u,w} "${base}/o"; mount -t overlay overlay -o "lowerdir=$DIR/l,upperdir=$DIR/u,workdir=$DIR/w" "${base}/o"`
    const { stdout } = await sweepMounted(script, base)
    expect(stdout).toMatch(/^kept .*in use by the overlay mounted by process \d+ \(\S+\)$/m)
    expect(existsSync(join(path, 'data'))).toBe(true)
  })

  test.skipIf(!canMount)('sweep --prefix keeps the image of a loop device (needs root)', async () => {
    const base = tempBase()
    const path = leftover(base)
    const script = `truncate -s 1M "$DIR/image"; loop=$(losetup --show -f "$DIR/image"); trap 'losetup -d $loop' EXIT`
    const { stdout } = await sweepMounted(script, base)
    expect(stdout).toMatch(/^kept .*in use by the loop device loop\d+$/m)
    expect(existsSync(join(path, 'data'))).toBe(true)
  })

  test.skipIf(!ROOT)(
    'sweep --prefix keeps a directory that is mounted in another mount namespace (needs root)',
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

    test('beside a process of root a user deletes nothing, and sweep --prefix names it and both ways out', async () => {
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

    test.each([
      ['has no sticky bit', (base: string) => chmodSync(base, 0o777)],
      [`belongs to uid ${USER}`, (base: string) => chownSync(base, USER, USER)],
    ])(
      'sweep --prefix keeps everything where another user could exchange it for a link: the directory %s',
      async (why, weaken) => {
        const base = tempBase()
        const path = leftover(base)
        weaken(base)
        const { stdout } = await sweep(base, '--delete')
        expect(stdout).toContain(`another user could exchange it: ${base} ${why}\n`)
        expect(existsSync(join(path, 'data'))).toBe(true)
      },
    )

    test('--owner deletes with that user’s rights: not what only the group of root can change', async () => {
      const base = tempBase()
      const path = userLeftover(base)
      mkdirSync(join(path, 'of-root'))
      writeFileSync(join(path, 'of-root', 'data'), 'x')
      chmodSync(join(path, 'of-root'), 0o770)
      const { stdout } = await sweep(base, '--delete', '--owner', String(USER))
      expect(stdout).toMatch(/^kept .*could not be removed completely \(EACCES\)$/m)
      expect(existsSync(join(path, 'of-root', 'data'))).toBe(true)
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

  test('sweep --prefix keeps a root of this package whose process was killed, and its handoffs', async () => {
    const base = tempBase()
    const name = `myapp-${process.getuid?.()}`
    const script = `
      const { TempFileManager } = await import(${JSON.stringify(BUILT)})
      const manager = new TempFileManager({ name: 'myapp', baseDir: ${JSON.stringify(base)}, signals: false })
      await (await manager.receive(Buffer.from('x'))).handOff()
      manager.file()
      process.kill(process.pid, 'SIGKILL')`
    await capture([process.execPath, '--input-type=module', '-e', script], {})
    const { stdout } = await sweep(base, '--delete')
    expect(stdout).toMatch(new RegExp(`^kept .*${name}: it is a root of this package`, 'm'))
    expect(readdirSync(join(base, name, 'handoffs'))).toHaveLength(1)
  })

  test.each([
    ['listens on a stream socket', 'a process listens on a socket in it', 'SOCK_STREAM', 's.listen()'],
    ['is bound to a datagram socket', 'a process has a socket in it', 'SOCK_DGRAM', ''],
  ])(
    'sweep --prefix keeps a directory in which a live process %s, and not that of a dead one',
    async (_what, why, kind, then) => {
      const base = tempBase()
      const [alive, dead] = [leftover(base), leftover(base, 'myapp-dead')]
      const python = `import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.${kind})
os.chdir(sys.argv[1]); s.bind('agent'); os.chdir('/')
${then}
if sys.argv[2] == 'stay': open('${base}/up', 'w'); sys.stdin.read()`
      const program = join(base, 'agent.py')
      writeFileSync(program, python)
      const script = `python3 ${program} ${dead} end; sleep 1000 | python3 ${program} ${alive} stay & while [ ! -e ${base}/up ]; do sleep 0.01; done`
      const { stdout } = await sweepBeside(script, base, '--delete')
      expect(stdout).toMatch(new RegExp(`^kept .*myapp-abc: ${why}`, 'm'))
      expect([existsSync(join(alive, 'data')), existsSync(dead)]).toEqual([true, false])
    },
  )

  test('sweep --prefix removes directories whose name, or a name in them, is not UTF-8', async () => {
    const base = tempBase()
    const path = Buffer.concat([Buffer.from(join(base, 'myapp-')), LATIN1])
    mkdirSync(path, { mode: 0o700 })
    writeFileSync(Buffer.concat([path, Buffer.from('/'), LATIN1]), 'x')
    writeFileSync(Buffer.concat([Buffer.from(`${leftover(base)}/`), LATIN1]), 'x')
    const { stdout } = await sweep(base, '--delete')
    expect(stdout).toMatch(/^removed 2, kept 0 entries$/m)
    expect(readdirSync(base)).toEqual([])
  })

  test('sweep --prefix takes a plain number of milliseconds for an age', async () => {
    const base = tempBase()
    leftover(base)
    expect((await sweep(base, '--older-than', '5000')).stdout).toContain('changed too recently')
    expect((await sweep(base, '--older-than', '0')).stdout).toMatch(/^would-remove /m)
  })

  test('sweep --prefix keeps a directory that changed recently', async () => {
    const base = tempBase()
    leftover(base)
    const { stdout } = await run(['sweep', '--prefix', 'myapp-', '--in', base, '--delete'])
    expect(stdout).toContain('changed too recently')
  })

  test.skipIf(!ROOT)('sweep --prefix ends with status 1 when a removal fails (needs root)', async () => {
    const base = tempBase() // no other user can enter it
    const path = leftover(base)
    chownSync(path, 65534, 65534)
    const { status, stdout } = await sweep(base, '--delete', '--owner', '65534')
    expect(stdout).toMatch(/^kept .*it could not be removed completely \(EACCES\)$/m)
    expect([status, existsSync(path)]).toEqual([1, true])
  })

  test('sweep --prefix never follows a link', async () => {
    const [base, other] = [tempBase(), tempBase()]
    const target = leftover(other, 'precious')
    symlinkSync(target, join(base, 'myapp-link'))
    symlinkSync(target, join(leftover(base), 'inner'))
    const { stdout } = await sweep(base, '--delete')
    expect(stdout).toContain('it is a symbolic link')
    expect(existsSync(join(target, 'data'))).toBe(true)
  })

  test('sweep --prefix keeps a directory with another prefix', async () => {
    const base = tempBase()
    const other = leftover(base, 'yourapp-1')
    await sweep(base, '--delete')
    expect(existsSync(other)).toBe(true)
  })
})
