import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { expect, onTestFinished, test, vi } from 'vitest'
import { EndedThreads } from '../../src/sweep/ended-threads.ts'
import { craftSession, endedPid } from '../fixtures/crafted-session.ts'
import { contextOf } from '../session/open-session.ts'

const LONG = { timeout: 20_000 }

/** Starts a thread and waits until it has ended. */
async function endThread(): Promise<void> {
  await once(new Worker('', { eval: true }), 'exit')
}

function observed(): { ended: EndedThreads; root: string } {
  const context = contextOf()
  const ended = new EndedThreads(context)
  onTestFinished(() => ended.stop())
  return { ended, root: context.layout.root }
}

test('when a thread ends, a dead session of this process is removed and a live one stays', async () => {
  const { ended, root } = observed()
  ended.start()
  const dead = craftSession(root, { owner: { tid: await endedPid() } })
  const live = craftSession(root, { owner: { pidNamespace: undefined, bootId: undefined }, lease: 'none' })
  await endThread()
  await vi.waitFor(() => expect(existsSync(dead.path)).toBe(false), LONG)
  expect(existsSync(live.path)).toBe(true)
})

test('several observers of threads share one listener, and the last that stops removes it', async () => {
  const before = process.listenerCount('worker')
  const [one, two] = [observed().ended, observed().ended]
  one.start()
  one.start()
  two.start()
  expect(process.listenerCount('worker')).toBe(before + 1)
  one.cancel()
  expect(process.listenerCount('worker')).toBe(before + 1)
  await two.stop()
  expect(process.listenerCount('worker')).toBe(before)
})

test('after cancel a start observes nothing', () => {
  const before = process.listenerCount('worker')
  const { ended } = observed()
  ended.cancel()
  ended.start()
  expect(process.listenerCount('worker')).toBe(before)
})

test('copies of the package share one listener, as module registries of a test runner make them', async () => {
  const before = process.listenerCount('worker')
  for (let copy = 0; copy < 3; copy++) {
    vi.resetModules()
    const { EndedThreads } = await import('../../src/sweep/ended-threads.ts')
    const ended = new EndedThreads(contextOf())
    onTestFinished(() => ended.stop())
    ended.start()
  }
  expect(process.listenerCount('worker')).toBe(before + 1)
})
