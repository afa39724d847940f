import fs, { closeSync, openSync, statSync } from 'node:fs'
import { uptime } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { bootTime, stampBootTime, stampOf } from '../../src/liveness/boot-clock.ts'
import { tempBase } from '../fixtures/temp-base.ts'

function emptyFile(): string {
  const path = join(tempBase(), 'stamped')
  closeSync(openSync(path, 'wx'))
  return path
}

test('the boot clock is the uptime of the system, under one number for all its processes', () => {
  const before = uptime() * 1000
  const now = bootTime()
  expect(now?.uptimeMs).toBeGreaterThanOrEqual(Math.floor(before))
  expect(now?.uptimeMs).toBeLessThanOrEqual(Math.ceil(uptime() * 1000))
  expect(bootTime()?.boot).toBe(now?.boot)
})

test('a stamped file carries the boot and the uptime, independent of the wall clock', () => {
  const path = emptyFile()
  const before = bootTime()
  stampBootTime(fs, path)
  const stamp = stampOf(statSync(path))
  expect(stamp.boot).toBe(before?.boot)
  expect(stamp.uptimeMs).toBeGreaterThanOrEqual(before?.uptimeMs ?? Number.NaN)
  expect(stamp.uptimeMs).toBeLessThanOrEqual(bootTime()?.uptimeMs ?? Number.NaN)
})

test('the number of a boot survives a file system that keeps whole seconds of 32 bits', () => {
  const { boot = -1 } = bootTime() ?? {}
  expect(Number.isInteger(boot)).toBe(true)
  expect(boot).toBeGreaterThanOrEqual(0)
  expect(boot).toBeLessThan(2 ** 31)
})

test('a file that was never stamped carries no reading of this boot', () => {
  expect(stampOf(statSync(emptyFile())).boot).not.toBe(bootTime()?.boot)
})
