// Each undocumented member of Node as it is on this version, and what happens where it is missing.

import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { descriptorOf, isExiting, mainProcess } from '../../src/runtime/node-internals.ts'

describe('_handle', () => {
  test('_handle has the descriptor that a server listens on', async () => {
    const listening = createServer().listen(0, '127.0.0.1')
    await once(listening, 'listening')
    const fd = descriptorOf(listening)
    listening.close()
    if (process.platform === 'win32') expect(fd).toBeUndefined()
    else expect(fd).toBeGreaterThan(2)
  })

  test.each([undefined, null, {}, { fd: 'x' }])('a _handle that is %j gives no descriptor', (handle) => {
    expect(descriptorOf({ _handle: handle } as never)).toBeUndefined()
  })
})

describe('_exiting', () => {
  test('isExiting() is false while the program runs', () => {
    expect(isExiting()).toBe(false)
  })

  test('isExiting() is true while _exiting is set', () => {
    const { _exiting: before } = process as { _exiting?: unknown } // undocumented
    Object.assign(process, { _exiting: true })
    const during = isExiting()
    Object.assign(process, { _exiting: before })
    expect(during).toBe(true)
  })
})

test('the main process is one object, however it is reached', () => {
  expect(mainProcess().pid).toBe(process.pid)
})
