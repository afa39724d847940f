// The places between which entries move: the device of the session, and another one where mounts are possible. Guarantee:
// the devices differ; a mount ends with its test, and an unmount that fails makes the test fail.

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
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

const SHARED_MEMORY = '/dev/shm'

const memoryIsElsewhere = existsSync(SHARED_MEMORY) && statSync(SHARED_MEMORY).dev !== statSync(tmpdir()).dev

/** Makes an empty directory on another device than the sessions'; undefined where none can be had. */
export const elsewhere: (() => string) | undefined = canMount
  ? () => volume()
  : memoryIsElsewhere
    ? () => tempBase(SHARED_MEMORY)
    : undefined

/** For describe.each: a device, and what makes an empty directory there. */
export const DEVICES: readonly (readonly [device: string, newDirectory: () => string])[] = [
  ['the same device', () => tempBase()],
  ...(elsewhere === undefined ? [] : [['another device', elsewhere] as const]),
]
