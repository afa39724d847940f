// node:fs, counting: the process kills itself with SIGKILL at a chosen call. Promise: the call itself is not
// made, so what the disk shows is the state between two system calls.

import fs from 'node:fs'
import type { FileSystem } from '../../src/index.ts'

const CHANGING = new Set([
  'openSync',
  'writeSync',
  'fsyncSync',
  'mkdirSync',
  'rmdirSync',
  'unlinkSync',
  'renameSync',
  'chmodSync',
  'utimesSync',
  'unlink',
  'rmdir',
  'rename',
  'mkdir',
])

export interface Countdown {
  readonly fs: FileSystem
  /** SIGKILL at the n-th changing call from now, counted from 1. */
  killAfter(n: number): void
}

export function countdown(): Countdown {
  let left = Number.POSITIVE_INFINITY
  const counting = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(object, name, receiver) {
        const value: unknown = Reflect.get(object, name, receiver)
        if (typeof value !== 'function' || !CHANGING.has(String(name))) return value
        return (...given: unknown[]) => {
          if (--left <= 0) process.kill(process.pid, 'SIGKILL')
          return Reflect.apply(value, object, given)
        }
      },
    })
  const disk: FileSystem = { ...fs, native: true, promises: counting({ ...fs.promises }) }
  return {
    fs: counting(disk),
    killAfter(n) {
      left = n
    },
  }
}
