import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { describe, expect, onTestFinished, test } from 'vitest'
import { TempFileManager } from '../../../src/index.ts'
import { canMount } from '../../fixtures/mounts.ts'
import { tempBase, USER } from '../../fixtures/temp-base.ts'
import { asOrdinaryUser, capture, MAIN, run } from '../command-line.ts'

const { SIGUSR2 } = constants.signals
const NAME = ['--name', 'runs', '--base-dir']
const rootIn = (base: string): string => join(base, `runs-${USER}`)
const sessionsIn = (base: string): string[] => readdirSync(join(rootIn(base), 'sessions'))

/** The words that run JavaScript: a program that every system has. */
const node = (script: string): string[] => [process.execPath, '-e', script]

describe('run', { timeout: 30_000 }, () => {
  test('run gives the program a temp directory of its own and removes it at the end', async () => {
    const base = tempBase()
    const script =
      'test -d "$TMPDIR" && test "$TMP$TEMP" = "$TMPDIR$TMPDIR" && realpath "$(mktemp)" && stat -c %a "$TMPDIR"'
    const { status, stdout } = await run(['run', ...NAME, base, '--', 'sh', '-c', script])
    expect(status).toBe(0)
    expect(stdout).toMatch(/^\S+sessions\/\S+\.run\/\S+\n700\n$/)
    expect(sessionsIn(base)).toEqual([])
  })

  test('run sets TMPDIR, TMP and TEMP to one directory, which exists while the program runs', async () => {
    const base = tempBase()
    const script =
      "const { TMPDIR, TMP, TEMP } = process.env; fs.writeFileSync(path.join(TMPDIR, 'file'), ''); console.log(JSON.stringify([fs.realpathSync(TMPDIR), TMPDIR, TMP, TEMP]))"
    const { status, stdout } = await run(['run', ...NAME, base, '--', ...node(script)])
    expect(status).toBe(0)
    const [directory = '', first = '', ...same] = JSON.parse(stdout) as string[]
    expect(directory.startsWith(join(rootIn(base), 'sessions'))).toBe(true)
    expect(same).toEqual([first, first])
    expect(sessionsIn(base)).toEqual([])
  })

  test.each([
    ['the exit status of the program', node('process.exit(7)'), 7],
    ['128 + n after signal n', ['sh', '-c', 'kill -TERM $$'], 143],
    ['127 for a command that does not exist', ['no-such-command'], 127],
    ['127 for a command without a name', [''], 127],
    ['126 for a file that cannot be executed', ['/etc/passwd'], 126],
  ])('run ends with %s', async (_what, command, status) => {
    const base = tempBase()
    expect((await run(['run', ...NAME, base, '--', ...command])).status).toBe(status)
    expect(sessionsIn(base)).toEqual([])
  })

  test('run ends with 127 for a missing command, also when a directory of PATH cannot be searched', async () => {
    const base = tempBase()
    const closed = join(base, 'closed')
    mkdirSync(closed, { mode: 0o000 })
    const command = [process.execPath, MAIN, 'run', ...NAME, base, '--', 'no-such-command']
    const user = asOrdinaryUser(base)
    const { status, stderr } = await capture([...user, ...command], {
      PATH: `${process.env['PATH']}:${closed}`,
    })
    expect(stderr).toContain('command not found')
    expect(status).toBe(127)
  })

  if (process.platform === 'win32')
    test('run ends with the status of a batch command (needs Windows)', async () => {
      const base = tempBase()
      expect((await run(['run', ...NAME, base, '--', 'cmd.exe', '/c', 'exit 9'])).status).toBe(9)
      expect(sessionsIn(base)).toEqual([])
    })

  test('run passes options of the program on, with and without --', async () => {
    const base = tempBase()
    expect((await run(['run', ...NAME, base, 'echo', '--json', '-h'])).stdout).toBe('--json -h\n')
    expect((await run(['run', ...NAME, base, '--', 'echo', '--', '-n'])).stdout).toBe('-- -n\n')
  })

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1'] as const)('run passes %s on', async (signal) => {
    const base = tempBase()
    const script = `trap 'echo got; exit 5' ${signal.slice(3)}; echo ready; while :; do sleep 0.05; done`
    const { child, stdout } = started(base, script)
    await ready(child)
    child.kill(signal)
    expect(await once(child, 'close')).toEqual([5, null])
    expect(stdout()).toContain('got')
    expect(sessionsIn(base)).toEqual([])
  })

  describe.skipIf(process.platform !== 'linux')('on a terminal', () => {
    /** Counts SIGINT until SIGUSR2, which it gets by way of its parent: what its parent passed on is here by then. */
    const COUNTER = `let count = 0
      process.on('SIGINT', () => console.log('got ' + ++count))
      process.on('SIGUSR2', () => { console.log('total ' + count); process.exit(5) })
      setInterval(() => {}, 1000)
      console.log('ready ' + process.ppid)`

    test.each([
      ['with the terminal as standard input', [], '', 1],
      ['with another standard input', [], '</dev/null', 1],
      ['in a session of its own, which no terminal reaches', ['setsid'], '</dev/null', 1],
    ])('Control-C reaches a program %s once', async (_what, before, input, times) => {
      const base = tempBase()
      const command = [process.execPath, MAIN, 'run', ...NAME, base, '--', ...before, ...node(COUNTER)]
      // exec: a shell that stayed would itself be ended by Control-C.
      const line = `exec ${command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')} ${input}`
      const child = spawn('script', ['-qefc', line, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] })
      onTestFinished(() => void child.kill('SIGKILL'))
      const wrapper = Number((await printed(child, /ready (\d+)/))[1])
      const got = printed(child, /got 1/)
      child.stdin.write('\u0003')
      await got
      const total = printed(child, /total (\d+)/)
      process.kill(wrapper, 'SIGUSR2')
      expect((await total)[1]).toBe(String(times))
      expect(await once(child, 'close')).toEqual([5, null])
      expect(sessionsIn(base)).toEqual([])
    })
  })

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    '%s does not end run while it removes the directory',
    async (signal) => {
      const base = tempBase()
      const script = 'cd "$TMPDIR" && seq 3000 | xargs touch && echo ready'
      const { child } = started(base, script)
      await ready(child)
      const [session = ''] = sessionsIn(base)
      const sending = setInterval(() => {
        if (sessionsIn(base).some((name) => name.endsWith(session.slice(2)))) child.kill(signal)
      }, 10)
      onTestFinished(() => clearInterval(sending))
      expect(await once(child, 'close')).toEqual([0, null])
      expect(sessionsIn(base)).toEqual([])
    },
  )

  test('a signal as soon as run listens to it ends run with 128 + n, without a directory', async () => {
    const base = tempBase()
    const child = spawn(process.execPath, [MAIN, 'run', ...NAME, base, '--', 'echo', 'ran'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const output = text(child.stdout)
    while (!listensTo(child.pid, SIGUSR2)) await new Promise((resolve) => setImmediate(resolve))
    child.kill('SIGUSR2') // Node listens to no such signal itself
    const [status] = await once(child, 'close')
    // It reached the command line before, the program while, or nobody after the program ran.
    expect(status).toBeOneOf((await output) === '' ? [128 + SIGUSR2] : [128 + SIGUSR2, 0])
    expect(existsSync(rootIn(base)) ? sessionsIn(base) : []).toEqual([])
  })

  test.each([
    ['on-error', ['sh', '-c', 'echo x > "$TMPDIR/left"; exit 7'], 7],
    ['1', ['sh', '-c', 'echo x > "$TMPDIR/left"'], 0],
  ])('run keeps the files that TEMP_FILE_MANAGER_PRESERVE=%s selects', async (preserve, command, status) => {
    const base = tempBase()
    const env = { TEMP_FILE_MANAGER_PRESERVE: preserve }
    expect((await run(['run', ...NAME, base, '--', ...command], env)).status).toBe(status)
    expect(execFileSync('find', [rootIn(base), '-name', 'left'], { encoding: 'utf8' })).toMatch(/\/left\n$/)
  })

  test('run --keep-on-failure keeps nothing of a command that could not be started', async () => {
    const base = tempBase()
    expect((await run(['run', ...NAME, base, '--keep-on-failure', '--', 'no-such-command'])).status).toBe(127)
    expect(existsSync(join(rootIn(base), 'kept'))).toBe(false)
  })

  test.each([
    ['is full', '2>/dev/full'],
    ['has no reader', '2>&1 | true; exit $PIPESTATUS'],
  ])(
    'a standard error that %s changes neither the exit status of run nor the removal',
    async (_what, redirection) => {
      const base = tempBase()
      const words = [process.execPath, MAIN, 'run', ...NAME, base, '--keep-on-failure', '--', 'sh', '-c']
      const line = `${words.join(' ')} 'echo x > "$TMPDIR/left"; exit 7' ${redirection}`
      expect((await capture(['bash', '-c', line], {})).status).toBe(7)
      expect(sessionsIn(base)).toEqual([])
    },
  )

  test('run --keep-on-failure ends with the exit status of the program where its files cannot be kept', async () => {
    const base = tempBase()
    const script = 'touch "$(dirname "$(dirname "$TMPDIR")")/kept"; exit 7' // a file has the name of the directory
    const { status, stderr } = await run([
      'run',
      ...NAME,
      base,
      '--keep-on-failure',
      '--',
      'sh',
      '-c',
      script,
    ])
    expect(status).toBe(7)
    expect(stderr).toMatch(/^temp-file-manager: The directory kept\/ of the root is not a directory\..*\n$/)
    expect(sessionsIn(base)).toEqual([])
  })

  test('run --keep-on-failure keeps the files that a failed program left, and prints their place', async () => {
    const base = tempBase()
    const args = [
      'run',
      ...NAME,
      base,
      '--keep-on-failure',
      '--',
      ...node("fs.writeFileSync(path.join(process.env.TMPDIR, 'log'), 'trace\\n'); process.exit(3)"),
    ]
    const { status, stderr } = await run(args)
    expect(status).toBe(3)
    expect(stderr).toMatch(
      /^temp-file-manager: Temporary files were kept: \S+ ended with status 3\n {4}\S+\n$/,
    )
    const kept = /\n {4}(\S+)/.exec(stderr)?.[1] ?? ''
    const [name = ''] = readdirSync(kept).filter((each) => each.endsWith('.run'))
    expect(readFileSync(join(kept, name, 'log'), 'utf8')).toBe('trace\n')
    expect(kept).toContain(join(rootIn(base), 'kept'))
    expect(sessionsIn(base)).toEqual([])
    const { stdout } = await run(['ls', ...NAME, base])
    expect(stdout).toMatch(/^KEPT +AGE +FILES +SIZE\nfailed-\S+ .* 1 +6B\n {4}\S/m)
    expect((await run(['sweep', ...NAME, base, '--kept'])).stdout).toMatch(/^removed +kept\/failed-/m)
    expect(readdirSync(join(rootIn(base), 'kept'))).toEqual([])
  })

  test('--keep-count limits how many failures are kept, and the newest stay', async () => {
    const base = tempBase()
    for (const status of [4, 5])
      await run([
        'run',
        ...NAME,
        base,
        '--keep-on-failure',
        '--keep-count',
        '1',
        ...node(`process.exit(${status})`),
      ])
    const [kept = '', ...others] = readdirSync(join(rootIn(base), 'kept'))
    expect(others).toEqual([])
    expect(readFileSync(join(rootIn(base), 'kept', kept, 'kept.json'), 'utf8')).toContain(
      ' ended with status 5',
    )
  })

  test.each([
    ['--keep-count without --keep-on-failure', ['--keep-count', '3']],
    ['--keep-count 0', ['--keep-on-failure', '--keep-count', '0']],
    ['a bad --keep-age', ['--keep-on-failure', '--keep-age', 'soon']],
  ])('%s is refused with status 2', async (_what, options) => {
    expect((await run(['run', ...options, 'true'])).status).toBe(2)
  })

  test('run removes the directory and ends with 137 when the program is killed with SIGKILL', async () => {
    const base = tempBase()
    const { status } = await run(['run', ...NAME, base, '--', 'sh', '-c', 'mktemp >/dev/null; kill -KILL $$'])
    expect(status).toBe(137)
    expect(sessionsIn(base)).toEqual([])
  })

  test('a program keeps its directory until it ends when only run is killed with SIGKILL', async () => {
    const base = tempBase()
    const go = join(base, 'go')
    execFileSync('mkfifo', [go])
    const { child, stdout } = started(
      base,
      `echo "$TMPDIR"; echo ready; read -r line <'${go}'; mktemp; echo over`,
    )
    await ready(child)
    const [directory = ''] = stdout().split('\n')
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect((await run(['sweep', ...NAME, base, '--json'])).stdout).toContain('"sessionsRemoved": 0')
    expect(existsSync(directory)).toBe(true)
    writeFileSync(go, 'go\n')
    await once(child, 'close') // the program has closed its output
    expect(stdout()).toMatch(/over\n$/)
    expect((await run(['sweep', ...NAME, base, '--json'])).stdout).toContain('"sessionsRemoved": 1')
    expect(existsSync(directory)).toBe(false)
  })

  test('the directory of a run that is killed with its program is removed by the next sweep', async () => {
    const base = tempBase()
    const { child } = started(base, 'echo x > "$TMPDIR/left"; echo ready; exec sleep 1000')
    await ready(child)
    const [session = ''] = sessionsIn(base)
    const program = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim())
    child.kill('SIGKILL')
    process.kill(program, 'SIGKILL')
    await once(child, 'close')
    await using manager = new TempFileManager({
      name: 'runs',
      baseDir: base,
      sweep: { onStart: false, every: false },
    })
    expect((await manager.sweep()).sessionsRemoved).toBe(1)
    expect(existsSync(join(rootIn(base), 'sessions', session))).toBe(false)
  })

  // unshare(1) makes a pid namespace only for root.
  test.skipIf(!canMount)(
    'run as pid 1 of a namespace ends with its program and removes the directory',
    async () => {
      const base = tempBase()
      const child = spawn(
        'unshare',
        [
          '--pid',
          '--fork',
          '--mount-proc',
          process.execPath,
          MAIN,
          'run',
          ...NAME,
          base,
          '--',
          'sh',
          '-c',
          'exit 9',
        ],
        { stdio: 'ignore' },
      )
      expect(await once(child, 'close')).toEqual([9, null])
      expect(sessionsIn(base)).toEqual([])
    },
  )
})

function started(base: string, script: string) {
  const child = spawn(process.execPath, [MAIN, 'run', ...NAME, base, '--', 'sh', '-c', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let text = ''
  child.stdout.on('data', (data) => {
    text += String(data)
  })
  return { child, stdout: () => text }
}

/** Resolves when the program has printed 'ready'. */
async function ready(child: ReturnType<typeof started>['child']): Promise<void> {
  await printed(child, /ready/)
}

/** Resolves with the match when the program has printed it. */
async function printed(child: { readonly stdout: Readable }, what: RegExp): Promise<RegExpExecArray> {
  for (let output = ''; ; ) {
    output += String((await once(child.stdout, 'data'))[0])
    const match = what.exec(output)
    if (match !== null) return match
  }
}

/** Whether a process has a handler for a signal: proc(5), SigCgt. */
function listensTo(pid: number | undefined, signal: number): boolean {
  const caught = /^SigCgt:\s*([0-9a-f]+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return ((BigInt(`0x${caught ?? '0'}`) >> BigInt(signal - 1)) & 1n) === 1n
}
