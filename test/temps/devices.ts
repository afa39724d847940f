// The places between which entries move: the session's own device, and another one where it can be mounted.
// Promise: another device is a real mount, gone when the test ends; an unmount that fails fails the test.

import { execFileSync, spawnSync } from 'node:child_process'
import { onTestFinished } from 'vitest'
import { tempBase } from '../fixtures/temp-base.ts'

export const canMount = spawnSync('unshare', ['-m', 'true']).status === 0

/** A small file system of its own. */
export function volume(size = '4m'): string {
  const directory = tempBase()
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', directory])
  onTestFinished(() => void execFileSync('umount', [directory]))
  return directory
}

/** For describe.each: a device, and what makes an empty directory there. */
export const DEVICES: readonly (readonly [device: string, newDirectory: () => string])[] = [
  ['the same device', () => tempBase()],
  ...(canMount ? [['another device', () => volume()] as const] : []),
]
