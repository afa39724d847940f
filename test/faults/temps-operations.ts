// The operations on files and directories: made, received, written, removed, persisted and adopted. Guarantee: one
// that failed leaves no destination, and the adopted source where it was.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TempFileManager } from '../../src/index.ts'
import {
  fillTree,
  fullDir,
  fullFile,
  loopTurns,
  managerOn,
  NONE,
  type Operation,
  opened,
  PAYLOAD,
} from './preparing.ts'

const plain = (name: string, act: (manager: TempFileManager) => unknown): Operation => ({
  name,
  truth: NONE,
  async prepare(ground) {
    const manager = await opened(ground)
    return { manager, act: () => act(manager) }
  },
})

function persisting(name: string, far: boolean, tree: boolean): Operation {
  return {
    name,
    crosses: far,
    truth: { done: { destination: [1] }, failed: {}, killed: { destination: [0, 1] } },
    async prepare(ground) {
      const manager = await opened(ground)
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
      const manager = await opened(ground)
      const source = join(far ? ground.far : ground.beside, 'source')
      if (tree) {
        mkdirSync(source)
        fillTree(source)
      } else writeFileSync(source, PAYLOAD)
      return { manager, act: () => manager.adopt(source) }
    },
  }
}

export const TEMPS: readonly Operation[] = [
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
      await (await opened(ground)).close()
      const manager = managerOn(ground)
      return { manager, act: () => manager.file() }
    },
  },
  {
    name: 'session, bound to its leases',
    truth: NONE,
    async prepare(ground) {
      const manager = managerOn(ground)
      manager.file()
      return { manager, act: loopTurns }
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
      const manager = await opened(ground)
      const file = fullFile(manager)
      return { manager, act: () => file.write(PAYLOAD) }
    },
  },
  {
    name: 'remove a file',
    truth: NONE,
    async prepare(ground) {
      const manager = await opened(ground)
      const file = fullFile(manager)
      return { manager, act: () => file.remove() }
    },
  },
  {
    name: 'remove a tree',
    truth: NONE,
    async prepare(ground) {
      const manager = await opened(ground)
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
]
