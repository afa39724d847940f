// An operation, the places at which it is tried, and their contents. Guarantee: all of it is made before the operation
// begins, so that only what the operation does itself is counted, made to fail and killed.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TempDir, type TempFile, TempFileManager } from '../../src/index.ts'

/** Directories of one case: the root's base, and a place on the same and on another device. */
export interface Ground {
  readonly base: string
  readonly beside: string
  readonly far: string
}

export type Outcome = 'done' | 'failed' | 'killed'

/** How many handoffs, destinations and adopted sources may exist: for the last two, 0 or 1. */
export interface Truth {
  readonly handoffs: readonly number[]
  readonly destination: readonly number[]
  readonly source: readonly number[]
}

export interface Prepared {
  readonly manager: TempFileManager
  /** The operation, whose calls are counted, broken and killed. */
  act(): Promise<unknown> | unknown
  /** A live handle that must have its data still when the operation failed. */
  readonly intact?: { readonly path: string } | undefined
}

export interface Operation {
  readonly name: string
  /** Uses the other device, and with it fs-extra. */
  readonly crosses?: boolean
  /** It writes data of the caller: a close that fails may mean that the data was lost. */
  readonly writes?: boolean
  prepare(ground: Ground): Promise<Prepared>
  readonly truth: Readonly<Record<Outcome, Partial<Truth>>>
  /** Runs in another process afterwards, before the disk is examined. Returns the problem, in words. */
  after?(ground: Ground): Promise<readonly string[]>
}

export const PAYLOAD = 'payload '.repeat(1000)
export const ROOT_NAME = 'faults'

export function rootOf(ground: Ground): string {
  return join(ground.base, `${ROOT_NAME}-${process.geteuid?.() ?? 'user'}`)
}

/** `onCleanupError` hears what a finished operation had to leave. */
export function managerOn(ground: Ground): TempFileManager {
  return new TempFileManager({
    baseDir: ground.base,
    name: ROOT_NAME,
    signals: false,
    sweep: { onStart: false, every: false },
    onCleanupError: () => {},
  })
}

/** A manager whose session exists and has bound its leases. */
export async function opened(ground: Ground): Promise<TempFileManager> {
  const manager = managerOn(ground)
  manager.file().removeSync()
  await loopTurns()
  return manager
}

/** Waits until the work that waits for the event loop's first turn is done. */
export async function loopTurns(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
}

export function fullFile(manager: TempFileManager): TempFile {
  const file = manager.file()
  writeFileSync(file.path, PAYLOAD)
  return file
}

export function fillTree(directory: string): void {
  mkdirSync(join(directory, 'sub'))
  writeFileSync(join(directory, 'a.txt'), PAYLOAD)
  writeFileSync(join(directory, 'sub', 'b.txt'), PAYLOAD)
}

export function fullDir(manager: TempFileManager): TempDir {
  const dir = manager.dir()
  fillTree(dir.path)
  return dir
}

/** A manager, and a handoff waiting. */
export async function withTicket(ground: Ground): Promise<{ manager: TempFileManager; ticket: string }> {
  const manager = await opened(ground)
  return { manager, ticket: await fullFile(manager).handOff({ meta: { n: 1 } }) }
}

/** No handoff, destination or source exists afterwards, with any result of the operation. */
export const NONE: Operation['truth'] = { done: {}, failed: {}, killed: {} }

/** The one handoff exists afterwards, with any result of the operation. */
export const STAYS: Operation['truth'] = {
  done: { handoffs: [1] },
  failed: { handoffs: [1] },
  killed: { handoffs: [1] },
}
