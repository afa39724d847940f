// Two directories for tests of moves, and things to move. Guarantee: each test has its own, and nothing stays mounted.

import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import { tempBase } from '../../fixtures/temp-base.ts'

export const isRoot = process.getuid?.() === 0 && process.platform === 'linux'
export const DEVICES = [['the same device'], ...(isRoot ? [['another device']] : [])]

export const KEEP = { overwrite: false, durable: false }
export const REPLACE = { overwrite: true, durable: false }

/** The directory of one test. */
export let base: string
/** The place of the source; `away` is the destination's directory. */
export let home: string
export let away: string
let mounted: string | undefined

/** Makes `home` and `away` before each test, on one device or two. */
export function places(device: string): void {
  beforeEach(() => {
    base = tempBase()
    home = join(base, 'home')
    away = join(base, 'away')
    mkdirSync(home)
    mkdirSync(away)
    if (device !== 'another device') return
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', away])
    mounted = away
  })
  afterEach(() => {
    if (mounted !== undefined) execFileSync('umount', [mounted])
    mounted = undefined
    clear(base)
  })
}

/** An ordinary user removes nothing from a directory of mode 0500. */
export function clear(path: string): void {
  if (process.platform !== 'win32') execFileSync('chmod', ['-R', 'u+rwx', path])
  rmSync(path, { recursive: true })
}

export function makeFile(name = 'source', content = 'content'): string {
  const path = join(home, name)
  writeFileSync(path, content, { mode: 0o640 })
  utimesSync(path, 1_000_000, 2_000_000)
  return path
}

export function makeTree(): string {
  const path = join(home, 'tree')
  mkdirSync(join(path, 'sub/empty'), { recursive: true })
  writeFileSync(join(path, 'sub/file'), 'inner', { mode: 0o400 })
  writeFileSync(join(path, 'top'), 'outer', { mode: 0o751 })
  symlinkSync('sub/file', join(path, 'link'))
  symlinkSync('/nowhere', join(path, 'dangling'))
  chmodSync(join(path, 'sub/empty'), 0o711)
  chmodSync(join(path, 'sub'), 0o500)
  chmodSync(path, 0o750)
  for (const [name, time] of [
    ['top', 11],
    ['sub/file', 22],
    ['sub/empty', 33],
    ['sub', 44],
    ['', 55],
  ] as const) {
    utimesSync(join(path, name), time * 1000, time * 2000)
  }
  return path
}

/** Everything about a tree that a move must keep. */
export function portrait(path: string): unknown {
  const names = ['', ...(readdirSync(path, { recursive: true }) as string[]).sort()]
  return names.map((name) => {
    const stats = lstatSync(join(path, name))
    const mode = (stats.mode & 0o7777).toString(8)
    if (stats.isSymbolicLink()) return [name, readlinkSync(join(path, name))]
    if (stats.isDirectory()) return [name, mode, stats.mtimeMs]
    return [name, mode, stats.mtimeMs, readFileSync(join(path, name), 'utf8')]
  })
}
