// The public operations, each prepared so that what it does itself can be counted, made to fail and killed alone,
// and what may stand on disk afterwards. Promise: an operation that was done has its effect, one that failed has
// none, one that was killed has either; nothing is ever half there.

import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TempDir, TempFileManager } from '../../src/index.ts'
import { craftSession, REUSED_PID } from '../fixtures/crafted-session.ts'

/** Directories of one case: the root's base, and a place on the same and on another device. */
export interface Ground {
  readonly base: string
  readonly beside: string
  readonly far: string
}

export type Outcome = 'done' | 'failed' | 'killed'

/** How many handoffs, and whether the destination and the adopted source may stand: 0 and 1. */
export interface Truth {
  readonly handoffs: readonly number[]
  readonly destination: readonly number[]
  readonly source: readonly number[]
}

export interface Prepared {
  readonly manager: TempFileManager
  /** What is counted, broken and killed. */
  act(): Promise<unknown> | unknown
  /** A live handle that must have its data still when the operation failed. */
  readonly intact?: { readonly path: string } | undefined
}

export interface Operation {
  readonly name: string
  /** Uses the other device, and with it fs-extra. */
  readonly crosses?: boolean
  /** It writes what somebody else gave: a close that fails may mean that it did not arrive. */
  readonly writes?: boolean
  prepare(ground: Ground): Promise<Prepared>
  readonly truth: Readonly<Record<Outcome, Partial<Truth>>>
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

/** A manager whose session exists. */
function opened(ground: Ground): TempFileManager {
  const manager = managerOn(ground)
  manager.file().removeSync()
  return manager
}

function fullFile(manager: TempFileManager, options?: { name: string }): ReturnType<TempFileManager['file']> {
  const file = manager.file(options)
  writeFileSync(file.path, PAYLOAD)
  return file
}

function fillTree(directory: string): void {
  mkdirSync(join(directory, 'sub'))
  writeFileSync(join(directory, 'a.txt'), PAYLOAD)
  writeFileSync(join(directory, 'sub', 'b.txt'), PAYLOAD)
}

function fullDir(manager: TempFileManager): TempDir {
  const dir = manager.dir()
  fillTree(dir.path)
  return dir
}

/** A manager, and a handoff waiting. */
async function withTicket(ground: Ground): Promise<{ manager: TempFileManager; ticket: string }> {
  const manager = opened(ground)
  return { manager, ticket: await fullFile(manager).handOff({ meta: { n: 1 } }) }
}

const NONE: Operation['truth'] = { done: {}, failed: {}, killed: {} }
const STAYS: Operation['truth'] = {
  done: { handoffs: [1] },
  failed: { handoffs: [1] },
  killed: { handoffs: [1] },
}

const plain = (name: string, act: (manager: TempFileManager) => unknown): Operation => ({
  name,
  truth: NONE,
  async prepare(ground) {
    const manager = opened(ground)
    return { manager, act: () => act(manager) }
  },
})

function persisting(name: string, far: boolean, tree: boolean): Operation {
  return {
    name,
    crosses: far,
    truth: { done: { destination: [1] }, failed: {}, killed: { destination: [0, 1] } },
    async prepare(ground) {
      const manager = opened(ground)
      const entry = tree ? fullDir(manager) : fullFile(manager)
      const destination = join(far ? ground.far : ground.beside, 'destination')
      return { manager, intact: entry, act: () => entry.persist(destination, { durable: true }) }
    },
  }
}

function adopting(name: string, far: boolean, tree: boolean): Operation {
  return {
    name,
    crosses: far,
    truth: { done: {}, failed: { source: [1] }, killed: { source: [0, 1] } },
    async prepare(ground) {
      const manager = opened(ground)
      const source = join(far ? ground.far : ground.beside, 'source')
      if (tree) {
        mkdirSync(source)
        fillTree(source)
      } else writeFileSync(source, PAYLOAD)
      return { manager, act: () => manager.adopt(source) }
    },
  }
}

function handingOff(name: string, tree: boolean, durable: boolean): Operation {
  return {
    name,
    truth: { done: { handoffs: [1] }, failed: {}, killed: { handoffs: [0, 1] } },
    async prepare(ground) {
      const manager = opened(ground)
      const entry = tree ? fullDir(manager) : fullFile(manager)
      return { manager, intact: entry, act: () => entry.handOff({ durable, meta: { n: 1 } }) }
    },
  }
}

export const OPERATIONS: readonly Operation[] = [
  {
    name: 'session, new root',
    truth: NONE,
    async prepare(ground) {
      const manager = managerOn(ground)
      return { manager, act: () => manager.file() }
    },
  },
  {
    name: 'session',
    truth: NONE,
    async prepare(ground) {
      await opened(ground).close()
      const manager = managerOn(ground)
      return { manager, act: () => manager.file() }
    },
  },
  plain('file', (manager) => manager.file('.txt')),
  plain('file, exact name and mode', (manager) => manager.file({ name: 'report.txt', mode: 0o640 })),
  plain('fileAsync', (manager) => manager.fileAsync({ mode: 0o640 })),
  plain('dir', (manager) => manager.dir({ mode: 0o750 })),
  plain('dirAsync, exact name', (manager) => manager.dirAsync({ name: 'report' })),
  {
    ...plain('receive', (manager) => manager.receive(PAYLOAD, { hash: 'sha256' })),
    writes: true,
  },
  {
    ...plain('receive, exact name', (manager) => manager.receive(PAYLOAD, { name: 'report.txt' })),
    writes: true,
  },
  {
    name: 'write',
    writes: true,
    truth: NONE,
    async prepare(ground) {
      const manager = opened(ground)
      const file = fullFile(manager)
      return { manager, act: () => file.write(PAYLOAD) }
    },
  },
  {
    name: 'remove a file',
    truth: NONE,
    async prepare(ground) {
      const manager = opened(ground)
      const file = fullFile(manager)
      return { manager, act: () => file.remove() }
    },
  },
  {
    name: 'remove a tree',
    truth: NONE,
    async prepare(ground) {
      const manager = opened(ground)
      const dir = fullDir(manager)
      return { manager, act: () => dir.removeSync() }
    },
  },
  persisting('persist a file', false, false),
  persisting('persist a tree', false, true),
  persisting('persist a file, other device', true, false),
  persisting('persist a tree, other device', true, true),
  adopting('adopt a file', false, false),
  adopting('adopt a file, other device', true, false),
  adopting('adopt a tree, other device', true, true),
  handingOff('handOff a file', false, true),
  handingOff('handOff a tree', true, true),
  handingOff('handOff, not durable', false, false),
  {
    name: 'claim',
    truth: STAYS,
    async prepare(ground) {
      const { manager, ticket } = await withTicket(ground)
      return { manager, act: () => manager.claim(ticket) }
    },
  },
  {
    name: 'complete',
    truth: { done: {}, failed: { handoffs: [0, 1] }, killed: { handoffs: [0, 1] } },
    async prepare(ground) {
      const { manager, ticket } = await withTicket(ground)
      const claim = await manager.claim(ticket)
      return { manager, act: () => claim.complete() }
    },
  },
  {
    name: 'release',
    truth: STAYS,
    async prepare(ground) {
      const { manager, ticket } = await withTicket(ground)
      const claim = await manager.claim(ticket)
      return { manager, act: () => claim.release() }
    },
  },
  {
    name: 'persist a claim',
    truth: {
      done: { destination: [1] },
      failed: { handoffs: [1] },
      killed: { handoffs: [0, 1], destination: [0, 1] },
    },
    async prepare(ground) {
      const { manager, ticket } = await withTicket(ground)
      const claim = await manager.claim(ticket)
      const destination = join(ground.beside, 'destination')
      return { manager, act: () => claim.persist(destination, { durable: true }) }
    },
  },
  {
    name: 'handOff of a claim',
    truth: { done: { handoffs: [1] }, failed: { handoffs: [1] }, killed: { handoffs: [1] } },
    async prepare(ground) {
      const { manager, ticket } = await withTicket(ground)
      const claim = await manager.claim(ticket)
      return { manager, act: () => claim.handOff() }
    },
  },
  {
    name: 'sweep',
    truth: STAYS,
    async prepare(ground) {
      const { manager, ticket } = await withTicket(ground)
      const dead = craftSession(rootOf(ground), { owner: REUSED_PID, files: { one: PAYLOAD, two: PAYLOAD } })
      mkdirSync(join(dead.path, 'tree'))
      fillTree(join(dead.path, 'tree'))
      renameSync(join(rootOf(ground), 'handoffs', ticket), join(dead.path, 'claims', ticket))
      return { manager, act: () => manager.sweep() }
    },
  },
  {
    name: 'close',
    truth: STAYS,
    async prepare(ground) {
      const { manager, ticket } = await withTicket(ground)
      await manager.claim(ticket)
      fullFile(manager)
      fullDir(manager)
      return { manager, act: () => manager.close() }
    },
  },
]
