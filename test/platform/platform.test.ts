// The one interface behind which systems differ.

import { expect, onTestFinished, test } from 'vitest'
import { darwin } from '../../src/platform/darwin.ts'
import { platform, usePlatform } from '../../src/platform/index.ts'
import { linux } from '../../src/platform/linux.ts'
import { windows } from '../../src/platform/windows.ts'

const NAMES: Partial<Record<NodeJS.Platform, string>> = { linux: 'linux', win32: 'windows', darwin: 'darwin' }

test('the platform is the one of the system that runs the process', () => {
  expect(platform().system).toBe(NAMES[process.platform])
})

test('a platform put in its place is used until it is taken back', () => {
  const before = platform()
  const reset = usePlatform(windows)
  onTestFinished(reset)
  expect(platform()).toBe(windows)
  reset()
  expect(platform()).toBe(before)
})

test('every system states every fact', () => {
  expect(Object.keys(darwin).sort()).toEqual(Object.keys(linux).sort())
  expect(Object.keys(windows).sort()).toEqual(Object.keys(linux).sort())
})
