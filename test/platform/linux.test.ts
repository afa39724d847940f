// Linux: a thread is identified by its start time, and a lease's socket is reached whatever the length of its path.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { linux } from '../../src/platform/linux.ts'
import { compareBoots } from '../../src/platform/without-proc.ts'
import { endedPid } from '../fixtures/crafted-session.ts'
import { tempBase } from '../fixtures/temp-base.ts'

describe.skipIf(process.platform !== 'linux')('threads (needs Linux)', () => {
  test('a thread is the same one by pid, thread id and start time', () => {
    const self = linux.identify()
    expect(self).toMatchObject({ pid: process.pid, tid: process.pid, complete: true })
    expect(linux.observe(self)).toEqual({ process: 'exists', thread: 'same' })
  })

  test('a thread that started at another time is another one, although it has the pid', () => {
    expect(linux.observe({ ...linux.identify(), startTime: '1' }).thread).toBe('other-start')
  })

  test('a thread that the process does not have is missing', () => {
    expect(linux.observe({ ...linux.identify(), tid: 1 }).thread).toBe('missing')
  })

  test('a thread of a process that has ended shows no process', async () => {
    expect(linux.observe({ ...linux.identify(), pid: await endedPid() }).process).toBe('missing')
  })

  test('a thread knows its boot and its namespaces', () => {
    const { bootId, pidNamespace } = linux.identify()
    expect(bootId).toMatch(/^[0-9a-f-]{36}$/)
    expect(pidNamespace).toMatch(/^pid:\[\d+\]$/)
    expect(linux.procIsOurs()).toBe(true)
    expect(linux.compareBoots(String(bootId), String(bootId))).toBe('same')
    expect(linux.compareBoots(String(bootId), 'another')).toBe('other')
  })

  test.each([50, 107, 108, 300])(
    "a lease's address has at most 107 bytes in a directory of %d bytes",
    (bytes) => {
      let directory = tempBase()
      while (bytes - directory.length > 1)
        directory = join(directory, 'x'.repeat(Math.min(100, bytes - directory.length - 1)))
      mkdirSync(directory, { recursive: true })
      const length = linux.lease.at({ directory, id: 'a' }, 'lease', (address) => Buffer.byteLength(address))
      expect(length).toBeLessThanOrEqual(107)
    },
  )
})

describe('boots known by their minute', () => {
  test.each([
    ['minute:1000', 'minute:1000', 'same'],
    ['minute:1000', 'minute:1002', 'same'], // the clock drifts and is corrected
    ['minute:1000', 'minute:1003', 'other'],
    ['minute:1000', '8d2c5b52-0000-4000-8000-000000000000', 'other'], // recorded on Linux
  ])('the boots %s and %s compare as %s', (own, recorded, compared) => {
    expect(compareBoots(own, recorded)).toBe(compared)
  })
})
