// The session of a manager from its first use to its end, without the manager's methods.

import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { TempFileError } from '../src/index.ts'
import { Lifecycle } from '../src/lifecycle.ts'
import { creationError, type Session } from '../src/session/session.ts'
import { failure, failureSync } from './fixtures/failures.ts'
import { contextOf } from './session/open-session.ts'

function lifecycle(): { life: Lifecycle; root: string; reported: string[] } {
  const reported: string[] = []
  const onCleanupError = (error: TempFileError): void => void reported.push(error.code)
  const context = { ...contextOf(), onCleanupError, sweepOnStart: false, sweepEvery: undefined }
  const life = new Lifecycle(context)
  onTestFinished(() => life.close())
  return { life, root: context.layout.root, reported }
}

/** Creates a file in the session, as entries do. */
function write({ path }: Session, name: string): string {
  const file = join(path, name)
  try {
    writeFileSync(file, '', { flag: 'wx' })
  } catch (error) {
    throw creationError(error, file)
  }
  return file
}

/** An operation that runs until `finish` is called. */
function heldOperation(life: Lifecycle): { done: Promise<void>; finish: () => void } {
  let finish = (): void => {}
  const held = new Promise<void>((resolve) => {
    finish = resolve
  })
  return { done: life.run(() => held), finish }
}

describe('sessions', () => {
  test('a session is created at the first use, and every later use has the same one', async () => {
    const { life, root } = lifecycle()
    expect([life.session, existsSync(root)]).toEqual([undefined, false])
    const file = life.create(write, 'a')
    expect(await life.run(async (session) => write(session, 'b'))).toBe(join(String(life.session?.path), 'b'))
    expect(readdirSync(join(root, 'sessions'))).toHaveLength(1)
    expect(existsSync(file)).toBe(true)
  })

  test.each<[string, (life: Lifecycle) => unknown]>([
    ['a synchronous creation', (life) => life.create(write, 'b')],
    ['an operation', (life) => life.run(async (session) => write(session, 'b'))],
  ])(
    'a session that another program removed is replaced by %s, and its loss is reported once',
    async (_, use) => {
      const { life, reported } = lifecycle()
      life.create(write, 'a')
      const removed = String(life.session?.path)
      rmSync(removed, { recursive: true })
      expect(existsSync(String(await use(life)))).toBe(true)
      expect(life.session?.path).not.toBe(removed)
      expect(reported).toEqual(['ERR_TEMP_SESSION_LOST'])
    },
  )

  test('work that loses its session twice throws ERR_TEMP_IO, and is tried only twice', () => {
    const { life } = lifecycle()
    let calls = 0
    failureSync('ERR_TEMP_IO', () =>
      life.create(({ path }) => {
        calls++
        throw creationError(Object.assign(new Error('ENOENT'), { code: 'ENOENT' }), path)
      }, undefined),
    )
    expect(calls).toBe(2)
  })
})

describe('close and closeSync', () => {
  test('close() waits for a running operation, and refuses new ones from its call on', async () => {
    const { life, root } = lifecycle()
    const { done, finish } = heldOperation(life)
    expect(life.pending).toBe(1)
    const closing = life.close()
    expect([life.ending, life.closed]).toEqual([true, false])
    await failure('ERR_TEMP_CLOSED', () => life.run(async () => {}))
    failureSync('ERR_TEMP_CLOSED', () => life.requireOpen())
    expect(readdirSync(join(root, 'sessions')), 'kept for the operation').toHaveLength(1)
    finish()
    await Promise.all([done, closing])
    expect(life.closed).toBe(true)
    expect(readdirSync(join(root, 'sessions'))).toEqual([])
  })

  test('close() aborts what can be aborted, with ERR_TEMP_CLOSED', async () => {
    const { life } = lifecycle()
    const reason = life.abortable(
      undefined,
      (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(signal.reason))),
    )
    await life.close()
    expect(await reason).toMatchObject({ code: 'ERR_TEMP_CLOSED' })
  })

  test.each(['close', 'closeSync'] as const)(
    'new work is refused already while %s() aborts what runs',
    async (end) => {
      const { life, root } = lifecycle()
      life.create(write, 'a')
      let late: unknown
      let nested: Promise<void> | undefined
      life.closing.addEventListener('abort', () => {
        try {
          late = life.create(write, 'late')
        } catch (error) {
          late = error
        }
        nested = life.close()
      })
      const ended = life[end]()
      if (end === 'close') expect(nested, 'the same end').toBe(ended)
      await Promise.all([ended, nested])
      expect(late).toMatchObject({ code: 'ERR_TEMP_CLOSED' })
      expect([life.session, readdirSync(join(root, 'sessions'))]).toEqual([undefined, []])
    },
  )

  test('closeSync() removes the session before it returns', () => {
    const { life, root } = lifecycle()
    life.create(write, 'a')
    life.closeSync()
    expect([life.closed, readdirSync(join(root, 'sessions'))]).toEqual([true, []])
  })
})

test('removeAll ends the session, and the next use starts another one', async () => {
  const { life } = lifecycle()
  const first = life.create(write, 'a')
  await life.removeAll()
  expect([existsSync(first), life.session]).toEqual([false, undefined])
  expect(existsSync(life.create(write, 'a'))).toBe(true)
})

describe('unfinished removeAll', () => {
  /** One whose session has an operation that runs until `finish` is called. */
  function unfinished(): ReturnType<typeof lifecycle> & { removed: Promise<void>; finish: () => void } {
    const held = lifecycle()
    held.life.create(write, 'a')
    let finish = (): void => {}
    void held.life.session?.during(new Promise<void>((resolve) => (finish = resolve)))
    return { ...held, removed: held.life.removeAll(), finish: () => finish() }
  }

  test('close() waits for a removeAll() that has not finished', async () => {
    const { life, root, removed, finish } = unfinished()
    const closed = life.close().then(() => readdirSync(join(root, 'sessions')))
    setImmediate(finish)
    expect(await closed).toEqual([])
    await removed
  })

  test('closeSync() finishes a removeAll() that has not finished', async () => {
    const { life, root, removed, finish } = unfinished()
    life.closeSync()
    expect([life.closed, readdirSync(join(root, 'sessions'))]).toEqual([true, []])
    finish()
    await removed
  })
})
