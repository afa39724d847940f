import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { TempFileManager } from '../../src/index.ts'
import { family } from '../fixtures/family.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

const SLEEP = ['sleep', '1000']

async function sweepOf(baseDir: string) {
  await using manager = new TempFileManager({
    baseDir,
    name: 'parent',
    sweep: { onStart: false, every: false },
  })
  return await manager.sweep()
}

/** Resolves when the process is over: a zombie has closed everything. */
async function overOf(pid: number): Promise<void> {
  while (/^\d+ \(.*\) [^ZX]/.test(statOf(pid))) await new Promise((resolve) => setImmediate(resolve))
}

function statOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return ''
  }
}

describe.skipIf(process.platform !== 'linux')('holdFor (needs unix sockets and /proc)', () => {
  test('holdFor() keeps the directory of a child whose parent was killed, until a sweep after its end', async () => {
    const baseDir = tempBase()
    const { parent, pid, path } = await family(baseDir, 'hold', SLEEP)
    parent.kill('SIGKILL')
    await once(parent, 'exit')
    const kept = await sweepOf(baseDir)
    expect(kept.items.map(({ action, reason }) => `${action}: ${reason}`)).toEqual([
      expect.stringMatching(/^kept: .*lease/),
    ])
    writeFileSync(join(path, 'more'), '')
    process.kill(pid, 'SIGKILL')
    await overOf(pid)
    expect((await sweepOf(baseDir)).sessionsRemoved).toBe(1)
    expect(existsSync(path)).toBe(false)
  })

  test('a sweep leaves the directory of a child of holdFor() whose parent was killed in its place all the time', async () => {
    const baseDir = tempBase()
    const { parent, path } = await family(baseDir, 'hold', SLEEP)
    parent.kill('SIGKILL')
    await once(parent, 'exit')
    const changedAt = () => statSync(dirname(path), { bigint: true }).ctimeNs // a rename sets it
    const before = changedAt()
    expect((await sweepOf(baseDir)).sessionsRemoved).toBe(0)
    expect(changedAt()).toBe(before)
  })

  test('holdFor() keeps the directory for a process of a killed shell, which inherited the lease too', async () => {
    const baseDir = tempBase()
    const { parent, pid, path } = await family(baseDir, 'hold', [
      'sh',
      '-c',
      'sleep 1000 & echo $! > pid; wait',
    ])
    while (!existsSync(join(path, 'pid')) || readFileSync(join(path, 'pid'), 'utf8') === '')
      await new Promise((resolve) => setImmediate(resolve))
    const grandchild = Number(readFileSync(join(path, 'pid'), 'utf8'))
    parent.kill('SIGKILL')
    await once(parent, 'exit')
    process.kill(pid, 'SIGKILL')
    await overOf(pid)
    expect((await sweepOf(baseDir)).sessionsRemoved).toBe(0)
    process.kill(grandchild, 'SIGKILL')
    await overOf(grandchild)
    expect((await sweepOf(baseDir)).sessionsRemoved).toBe(1)
  })

  test('the exit of the parent leaves the directory to a living child of holdFor()', async () => {
    const baseDir = tempBase()
    const { parent, pid, path } = await family(baseDir, 'hold-and-exit', SLEEP)
    if (parent.exitCode === null) await once(parent, 'exit')
    expect((await sweepOf(baseDir)).sessionsRemoved).toBe(0)
    expect(existsSync(path)).toBe(true)
    process.kill(pid, 'SIGKILL')
    await overOf(pid)
    expect((await sweepOf(baseDir)).sessionsRemoved).toBe(1)
  })

  test('the exit of the process leaves the directory to a living child that holdFor() of a worker thread started', async () => {
    const baseDir = tempBase()
    const { parent, pid, path } = await family(baseDir, 'hold-in-thread', SLEEP)
    if (parent.exitCode === null) await once(parent, 'exit')
    expect(existsSync(path)).toBe(true)
    expect((await sweepOf(baseDir)).sessionsRemoved).toBe(0)
    process.kill(pid, 'SIGKILL')
    await overOf(pid)
    expect((await sweepOf(baseDir)).sessionsRemoved).toBe(1)
    expect(existsSync(path)).toBe(false)
  })

  test('without holdFor() the directory of a child that outlives its parent is removed by a sweep', async () => {
    const baseDir = tempBase()
    const { parent, path } = await family(baseDir, 'env', SLEEP)
    parent.kill('SIGKILL')
    await once(parent, 'exit')
    expect((await sweepOf(baseDir)).sessionsRemoved).toBe(1)
    expect(existsSync(path)).toBe(false)
  })

  test('remove() removes the directory although the child of holdFor() lives', async () => {
    const dir = tempManager().dir()
    const child = dir.holdFor((lease) =>
      spawn('sleep', ['1000'], { stdio: ['ignore', 'ignore', 'ignore', lease] }),
    )
    await dir.remove()
    expect(existsSync(dir.path)).toBe(false)
    child.kill('SIGKILL')
    await once(child, 'exit')
  })

  test('holdFor() refuses each of many children without the lease, also while they open their libraries', async () => {
    const dir = tempManager().dir()
    for (let round = 0; round < 150; round++) {
      const child = spawn('sleep', ['1000'], { stdio: 'ignore' })
      const exit = once(child, 'exit')
      onTestFinished(() => void child.kill('SIGKILL'))
      expect(() => dir.holdFor(() => child), `round ${round}`).toThrow('has not inherited the lease')
      await exit
    }
  })

  test('holdFor() kills and refuses a child that did not inherit the lease', async () => {
    const dir = tempManager().dir()
    const child = spawn('sleep', ['1000'], { stdio: 'ignore' })
    const exit = once(child, 'exit')
    expect(() => dir.holdFor(() => child)).toThrow('has not inherited the lease')
    expect(await exit).toEqual([null, 'SIGKILL'])
  })
})

test('holdFor() refuses an argument that does not start a child', () => {
  const dir = tempManager().dir()
  expect(() => dir.holdFor('sleep' as never)).toThrow(
    expect.objectContaining({ code: 'ERR_TEMP_OPTION_INVALID' }),
  )
  expect(() => dir.holdFor((() => undefined) as never)).toThrow(/must return the child process/)
})
