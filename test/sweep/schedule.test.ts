// When sweeps run by themselves. Guarantee: from the first use on, never at import or construction; beside a full
// disk; never two at once; nothing of them outlives stop(), holds the process open, or throws.

import fs, { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { type FileSystem, TempFileManager } from '../../src/index.ts'
import { Schedule } from '../../src/sweep/schedule.ts'
import { craftSession, REUSED_PID } from '../fixtures/crafted-session.ts'
import { failureSync } from '../fixtures/failures.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

const MINUTE = 60_000

afterEach(() => {
  vi.useRealTimers()
})

/** A run that lasts until it is let go. */
function heldRun(): { runs: AbortSignal[]; letGo: () => void; run: (signal: AbortSignal) => Promise<void> } {
  const waiting: (() => void)[] = []
  const runs: AbortSignal[] = []
  return {
    runs,
    letGo: () => waiting.shift()?.(),
    run: (signal) => {
      runs.push(signal)
      return new Promise((resolve) => waiting.push(resolve))
    },
  }
}

describe('schedules', () => {
  test('a schedule runs at the start, then about every ten minutes, jittered, never two concurrently', async () => {
    vi.useFakeTimers()
    const { runs, letGo, run } = heldRun()
    const schedule = new Schedule(run, true, 10 * MINUTE)
    await vi.advanceTimersByTimeAsync(60 * MINUTE)
    expect(runs.length).toBe(0)
    schedule.start()
    schedule.start()
    await vi.advanceTimersByTimeAsync(1)
    expect(runs.length).toBe(1)
    // The first one is still at it: the next turn joins it.
    await vi.advanceTimersByTimeAsync(30 * MINUTE)
    expect(runs.length).toBe(1)
    letGo()
    await vi.advanceTimersByTimeAsync(9 * MINUTE - 1)
    expect(runs.length).toBe(1)
    await vi.advanceTimersByTimeAsync(2 * MINUTE + 2)
    expect(runs.length).toBe(2)
    letGo()
    await schedule.stop()
    await vi.advanceTimersByTimeAsync(60 * MINUTE)
    expect(runs.length).toBe(2)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('a schedule follows its options: never at the start, or only there', async () => {
    vi.useFakeTimers()
    const counts: number[] = []
    for (const [onStart, every] of [
      [false, 10 * MINUTE],
      [true, undefined],
      [false, undefined],
    ] as const) {
      let count = 0
      const schedule = new Schedule(async () => void count++, onStart, every)
      schedule.start()
      await vi.advanceTimersByTimeAsync(12 * MINUTE)
      counts.push(count)
      await schedule.stop()
    }
    expect(counts).toEqual([1, 1, 0])
  })

  test('a sweep that is asked for while one runs follows it: the running one has read its list', async () => {
    const { runs, letGo, run } = heldRun()
    const schedule = new Schedule(run, false, undefined)
    void schedule.now()
    schedule.soon()
    schedule.soon()
    await new Promise(setImmediate)
    expect(runs.length).toBe(1)
    letGo()
    await new Promise(setImmediate)
    expect(runs.length).toBe(2)
    letGo()
    await schedule.stop()
  })

  test('stop() aborts a running sweep and waits for it', async () => {
    const { runs, letGo, run } = heldRun()
    const schedule = new Schedule(run, false, undefined)
    void schedule.now()
    const stopped = vi.fn()
    const stopping = schedule.stop().then(stopped)
    expect(runs[0]?.aborted).toBe(true)
    await new Promise(setImmediate)
    expect(stopped).not.toHaveBeenCalled()
    letGo()
    await stopping
    schedule.soon()
    await schedule.now()
    expect(runs.length).toBe(1)
  })

  test('a sweep that fails does not reject now(), and the next one runs', async () => {
    let count = 0
    const schedule = new Schedule(
      async () => {
        count++
        throw new Error('no')
      },
      false,
      undefined,
    )
    await schedule.now()
    await schedule.now()
    expect(count).toBe(2)
  })
})

describe('sweeps of a manager', () => {
  /** Resolves when nothing of the session is left. */
  const swept = (path: string): Promise<void> =>
    vi.waitFor(() => expect(existsSync(path)).toBe(false), 10_000)

  test('a manager sweeps at its first use, not when it is made', async () => {
    const base = tempBase()
    const { root } = tempManager({ baseDir: base })
    const dead = craftSession(root, { owner: REUSED_PID })
    const manager = tempManager({ baseDir: base, sweep: { every: false } })
    await new Promise(setImmediate)
    await new Promise(setImmediate)
    expect(existsSync(dead.path)).toBe(true)
    expect(manager.sessionPath).toBeUndefined()
    manager.file()
    await swept(dead.path)
  })

  test('a manager sweeps even if no session can be made because the disk is full, and again after ENOSPC', async () => {
    const base = tempBase()
    let full = true
    const mkdirSync: FileSystem['mkdirSync'] = (path, options) => {
      if (full) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })
      return fs.mkdirSync(path, options)
    }
    const { root } = tempManager({ baseDir: base })
    const first = craftSession(root, { owner: REUSED_PID })
    const manager = tempManager({
      baseDir: base,
      fs: { ...fs, native: true, mkdirSync },
      sweep: { every: false },
    })
    failureSync('ERR_TEMP_NO_SPACE', () => manager.file())
    await swept(first.path)
    const second = craftSession(root, { owner: REUSED_PID })
    failureSync('ERR_TEMP_NO_SPACE', () => manager.file())
    await swept(second.path)
    full = false
    expect(existsSync(manager.file().path)).toBe(true)
  })

  test('close() waits for a running sweep to stop cleanly', async () => {
    const base = tempBase()
    const { root } = tempManager({ baseDir: base })
    for (let n = 0; n < 60; n++) {
      const { path } = craftSession(root, { owner: REUSED_PID, files: { a: 'a' } })
      fs.truncateSync(join(path, 'a'), 32 * 1024 ** 2) // large: it is unlinked in the thread pool
    }
    let letGo = (): void => {}
    const held = new Promise<void>((resolve) => {
      letGo = resolve
    })
    let reach = (): void => {}
    const reached = new Promise<void>((resolve) => {
      reach = resolve
    })
    const unlink = async (path: fs.PathLike): Promise<void> => {
      reach()
      await held
      await fs.promises.unlink(path)
    }
    const holding = { ...fs, native: true, promises: { ...fs.promises, unlink } }
    const manager = tempManager({ baseDir: base, fs: holding })
    manager.file()
    const ended: string[] = []
    const sweep = manager.sweep().then(({ finished }) => void ended.push(`a sweep, finished: ${finished}`))
    await reached
    const close = manager.close().then(() => void ended.push('close'))
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
    expect(ended).toEqual([])
    letGo()
    await Promise.all([sweep, close])
    expect(ended).toEqual(['a sweep, finished: false', 'close'])
    const names = readdirSync(join(root, 'sessions'))
    expect(names.filter((name) => name.startsWith('.dead-'))).toEqual([])
    expect(await tempManager({ baseDir: base }).sweep()).toMatchObject({ errors: [], finished: true })
    expect(readdirSync(join(root, 'sessions'))).toEqual([])
  })

  test('a manager adds no listener before its first use, and holds no process open', () => {
    const before = [process.listenerCount('exit'), process.getActiveResourcesInfo().length]
    const manager = new TempFileManager({ baseDir: tempBase() })
    onTestFinished(() => manager.close())
    expect([process.listenerCount('exit'), process.getActiveResourcesInfo().length]).toEqual(before)
  })

  test('a manager that is never used sweeps what its predecessor left', async () => {
    const base = tempBase()
    const { root } = new TempFileManager({ baseDir: base, sweep: { onStart: false } })
    const dead = craftSession(root, { owner: REUSED_PID })
    const manager = new TempFileManager({ baseDir: base })
    onTestFinished(() => manager.close())
    await vi.waitFor(() => expect(existsSync(dead.path)).toBe(false), 20_000)
    expect(manager.sessionPath).toBeUndefined()
  })

  test('a manager survives every failure of its periodic look: nothing is thrown from a timer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const thrown: unknown[] = []
    const note = (error: unknown): void => void thrown.push(error)
    process.on('uncaughtException', note).on('unhandledRejection', note)
    try {
      let broken = false
      const everything = new Proxy({ ...fs, native: true } as FileSystem, {
        get(target, name, receiver) {
          const value: unknown = Reflect.get(target, name, receiver)
          if (typeof value !== 'function') return value
          return (...given: unknown[]) => {
            if (broken) throw Object.assign(new Error('EIO'), { code: 'EIO' })
            return Reflect.apply(value, target, given)
          }
        },
      })
      const manager = tempManager({
        baseDir: tempBase(),
        fs: everything,
        sweep: { onStart: false, every: '1s' },
      })
      const file = manager.file()
      broken = true
      for (let n = 0; n < 3; n++) {
        await vi.advanceTimersByTimeAsync(1200)
        await new Promise(setImmediate)
      }
      broken = false
      expect(thrown).toEqual([])
      expect(existsSync(file.path)).toBe(true)
    } finally {
      process.off('uncaughtException', note).off('unhandledRejection', note)
    }
  })
})
