// The parts that Linux and macOS share.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, onTestFinished, test } from 'vitest'
import { askProcess } from '../../src/platform/ask-process.ts'
import { POSIX, socketAnswer } from '../../src/platform/posix.ts'
import { endedPid } from '../fixtures/crafted-session.ts'

describe.skipIf(process.platform === 'win32')('processes (needs POSIX)', () => {
  test('a process exists while it runs, and is missing when it has ended', async () => {
    expect(askProcess(process.pid)).toBe('exists')
    expect(askProcess(await endedPid())).toBe('missing')
  })

  // Root may signal every process.
  if (process.getuid?.() !== 0)
    test("a process of another user is reported as 'forbidden'", () => {
      expect(askProcess(1)).toBe('forbidden')
    })

  test('a process ends by the signal that it raises against itself', async () => {
    const child = spawn(process.execPath, ['-e', "process.kill(process.pid, 'SIGTERM')"])
    expect(await once(child, 'close')).toEqual([null, 'SIGTERM'])
    expect(POSIX.endingSignals).toContain('SIGTERM')
  })
})

test('a signal comes from the terminal only where there is one, and SIGTERM never does', () => {
  const terminal = process.stdin.isTTY
  onTestFinished(() => {
    process.stdin.isTTY = terminal
  })
  process.stdin.isTTY = false
  expect(POSIX.comesFromTerminal('SIGINT', undefined)).toBe(false)
  process.stdin.isTTY = true
  expect(POSIX.comesFromTerminal('SIGINT', undefined)).toBe(true)
  expect(POSIX.comesFromTerminal('SIGTERM', undefined)).toBe(false)
})

test.each([
  [undefined, 'answers'],
  ['EAGAIN', 'answers'], // a full backlog: a process listens
  ['ECONNREFUSED', 'refuses'],
  ['EMFILE', 'not-asked'],
  ['ENOMEM', 'not-asked'],
  ['ENOENT', 'silent'],
  ['EACCES', 'silent'],
])('a socket that answers a connection with %s means: %s', (errno, answer) => {
  expect(socketAnswer(errno)).toBe(answer)
})
