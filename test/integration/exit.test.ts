// How a process ends that has temporary files: nothing stays, and its exit status is unchanged.

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { bundle } from '../fixtures/bundle.ts'
import { Child, type ChildOptions, type End } from '../fixtures/child.ts'
import { tempBase, USER } from '../fixtures/temp-base.ts'

let programs = ''
beforeAll(async () => {
  programs = await bundle('ending')
})

/** The entries that are left in the roots that the program used. */
function left(base: string): string[] {
  return ['temp-file-manager', 'second'].flatMap((name) =>
    readdirSync(join(base, `${name}-${USER}`, 'sessions')),
  )
}

/** Starts the program; `signal`: sends it when the program is ready. */
async function end(
  base: string,
  args: string[],
  signal?: NodeJS.Signals,
  options?: ChildOptions,
): Promise<End> {
  const child = new Child(join(programs, 'ending.cjs'), { ...options, args: [base, ...args] })
  const session = await child.line('ready')
  if (signal !== undefined) {
    expect(existsSync(session), 'it works until the signal').toBe(true)
    child.kill(signal)
  }
  return await child.end
}

describe('ends of a program', () => {
  test.each([
    ['natural', { code: 0, signal: null }],
    ['exit', { code: 3, signal: null }],
    ['exitCode', { code: 4, signal: null }],
    ['throw', { code: 1, signal: null }],
    ['reject', { code: 1, signal: null }],
    ['exit-during-close', { code: 3, signal: null }],
  ])('a program with the ending %s leaves nothing, and its status is its own', async (ending, status) => {
    const base = tempBase()
    expect(await end(base, [ending])).toMatchObject(status)
    expect(left(base)).toEqual([])
    expect(existsSync(join(base, 'foreign')), 'adopted in place').toBe(false)
  })
})

describe('unheard signals', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    '%s without a listener kills the process, and nothing stays',
    async (signal) => {
      const base = tempBase()
      expect(await end(base, ['wait'], signal)).toMatchObject({ code: null, signal })
      expect(left(base)).toEqual([])
      expect(existsSync(join(base, 'foreign'))).toBe(false)
    },
  )

  test('a signal kills a program whose managers do not handle signals, and leaves its files to a sweep', async () => {
    const base = tempBase()
    expect(await end(base, ['wait', 'no-signals'], 'SIGTERM')).toMatchObject({ signal: 'SIGTERM' })
    expect(left(base)).toHaveLength(2)
  })

  test.each([
    [['signal-exit-3']],
    [['signal-exit-4']],
    [['signal-exit-3', 'signal-exit-4']],
    [['signal-exit-3-after']],
    [['proper-lockfile']],
    [['proper-lockfile', 'signal-exit-4']],
  ])('a signal that the program does not listen for ends the process beside %j', async (extras) => {
    const base = tempBase()
    const ended = await end(base, ['wait', ...extras], 'SIGTERM')
    expect(ended).toMatchObject({ code: null, signal: 'SIGTERM' })
    expect(left(base)).toEqual([])
    for (const version of ['3', '4'])
      if (extras.some((extra) => extra.startsWith(`signal-exit-${version}`)))
        expect(ended.stdout, 'its own work was done').toContain(`signal-exit ${version}`)
    if (extras.includes('proper-lockfile')) expect(existsSync(join(base, 'locked.lock'))).toBe(false)
  })
})

describe('heard signals', () => {
  test.each([
    [['on-before']],
    [['on-after']],
    [['once-before']],
    [['once-after']],
    [['once-before', 'signal-exit-3', 'signal-exit-4']],
  ])(
    'the program’s own handler of a signal (%j) finishes its work with its files in place',
    async (extras) => {
      const base = tempBase()
      const ended = await end(base, ['wait', ...extras], 'SIGTERM')
      expect(ended.stdout).toContain('finished 8')
      expect(ended).toMatchObject({ code: 7, signal: null })
      expect(left(base)).toEqual([])
    },
  )
})

test('keep prints at exit where everything is', async () => {
  const base = tempBase()
  const ended = await end(base, ['exit', 'keep'])
  expect(ended.code).toBe(3)
  const root = join(base, `temp-file-manager-${USER}`)
  const [kept = ''] = readdirSync(join(root, 'kept'))
  expect(ended.stderr).toContain(join(root, 'kept', kept))
  expect(readdirSync(join(root, 'kept', kept)).filter((name) => name.endsWith('.txt'))).toHaveLength(1)
  expect(existsSync(join(base, 'foreign'))).toBe(true)
})

test('a later exit listener gets ERR_TEMP_CLOSED from the manager, and nothing is created', async () => {
  const base = tempBase()
  const ended = await end(base, ['exit', 'late-exit-listener'])
  expect(ended.stdout).toContain('late ERR_TEMP_CLOSED')
  expect(left(base)).toEqual([])
})

test('kill -9 leaves a session, which the next sweep removes', async () => {
  const base = tempBase()
  expect(await end(base, ['wait'], 'SIGKILL')).toMatchObject({ signal: 'SIGKILL' })
  expect(left(base)).toHaveLength(2)
  const { TempFileManager } = await import('../../src/index.ts')
  for (const name of ['temp-file-manager', 'second']) {
    await using manager = new TempFileManager({
      baseDir: base,
      name,
      sweep: { onStart: false, every: false },
    })
    await manager.sweep()
  }
  expect(left(base)).toEqual([])
})
