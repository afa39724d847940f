// npm run test:swap (SWAP_ROUNDS=500): another user exchanges what is theirs for a link to a vault, at random steps of
// every operation that meets their directories. SWAP_SEED repeats a run.
// Guarantee: nothing in the vault is opened, changed or deleted.

import nodeFs, {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type FileSystem, type TempDir, TempFileManager } from '../../src/index.ts'
import { craftSession, REUSED_PID } from '../fixtures/crafted-session.ts'
import { everyStep } from '../fixtures/every-step.ts'
import { canMount, ORDINARY } from '../fixtures/mounts.ts'
import { canSwap, swapperIn } from '../fixtures/swapper.ts'
import { tempBase } from '../fixtures/temp-base.ts'
import { volume } from '../temps/devices.ts'
import { Random } from '../torture/random.ts'

const ROUNDS = Number(process.env['SWAP_ROUNDS'] ?? 8)
const SEED = Number(process.env['SWAP_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const SECRET = 'a secret of root'
const OPERATIONS = ['remove', 'removeSync', 'persist', 'adopt', 'handOff', 'claim', 'sweep', 'close'] as const

/** A tree that belongs to the other user, with a link to the vault beside its directories. */
function plant(tree: string, vault: string): void {
  for (const path of [tree, join(tree, 'sub'), join(tree, 'sub/deep')]) mkdirSync(path, { recursive: true })
  for (const path of ['one', 'sub/one', 'sub/deep/one']) writeFileSync(join(tree, path), 'theirs')
  symlinkSync(vault, join(tree, 'decoy'))
  for (const path of ['', 'one', 'sub', 'sub/one', 'sub/deep', 'sub/deep/one'])
    chownSync(join(tree, path), ORDINARY, ORDINARY)
}

function makeVault(): string {
  const vault = join(tempBase(), 'vault')
  mkdirSync(join(vault, 'deep'), { recursive: true, mode: 0o700 })
  for (const path of ['one', 'deep/one']) writeFileSync(join(vault, path), SECRET, { mode: 0o600 })
  return vault
}

function portrait(path: string): unknown {
  return readdirSync(path, { recursive: true })
    .map(String)
    .sort()
    .map((name) => {
      const stats = lstatSync(join(path, name))
      return [name, stats.mode, stats.uid, stats.isFile() ? readFileSync(join(path, name), 'utf8') : '']
    })
}

/** Follows no link, as readdir with `recursive` does from Node 22 on: a link to the vault is theirs to have. */
function holdsSecret(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (stats?.isDirectory() === true) return readdirSync(path).some((name) => holdsSecret(join(path, name)))
  return stats?.isFile() === true && readFileSync(path, 'utf8') === SECRET
}

/** The file system with each step announced; a descriptor that is opened in the vault is noted. */
function watching(vault: string, step: () => void, opened: string[]): FileSystem {
  const fs = everyStep(step)
  const note = (fd: number): void => {
    const path = readlinkSync(`/proc/self/fd/${fd}`)
    if (path.startsWith(vault)) opened.push(path)
  }
  const openSync: FileSystem['openSync'] = (...args) => {
    step()
    const fd = nodeFs.openSync(...args)
    note(fd)
    return fd
  }
  const open: FileSystem['open'] = (path, flags, mode, callback) => {
    step()
    nodeFs.open(path, flags, mode, (error, fd) => {
      if (error === null) note(fd)
      callback(error, fd)
    })
  }
  return new Proxy(fs, {
    get: (target, key, receiver) =>
      key === 'openSync' ? openSync : key === 'open' ? open : Reflect.get(target, key, receiver),
  })
}

async function operate(
  manager: TempFileManager,
  dir: TempDir,
  operation: (typeof OPERATIONS)[number],
  away: string,
): Promise<string | undefined> {
  if (operation === 'remove') await dir.remove()
  else if (operation === 'removeSync') dir.removeSync()
  else if (operation === 'persist') return await dir.persist(join(away, 'result'))
  else if (operation === 'adopt') return (await manager.adopt(join(away, 'his'))).path
  else if (operation === 'close') await manager.close()
  else if (operation === 'sweep') await manager.sweep()
  else {
    const ticket = await dir.handOff()
    if (operation === 'claim') await manager.withClaim(ticket, () => {})
  }
  return undefined
}

/** A directory in which the other user may write: in a dead session for a sweep, else one of the manager's. */
function sharedIn(manager: TempFileManager, operation: (typeof OPERATIONS)[number], dir: TempDir): string {
  if (operation !== 'sweep') return dir.path
  const shared = join(craftSession(manager.root, { owner: REUSED_PID }).path, 'shared')
  mkdirSync(shared)
  return shared
}

console.log(`SWAP_SEED=${SEED}`)

test.runIf(canSwap && canMount).each(OPERATIONS)(
  '%s touches nothing outside while another user exchanges directories for links',
  async (operation) => {
    const rounds = Math.ceil(ROUNDS / OPERATIONS.length)
    const random = new Random(SEED + OPERATIONS.indexOf(operation))
    const away = volume('16m')
    let exchanges = 0
    for (let round = 0; round < rounds; round++) {
      const where = `round ${round} of SWAP_SEED=${SEED}`
      const vault = makeVault()
      const before = portrait(vault)
      const opened: string[] = []
      let step = (): void => {}
      const manager = new TempFileManager({
        baseDir: tempBase(),
        fs: watching(vault, () => step(), opened),
        sweep: { onStart: false, every: false },
        onCleanupError: () => {},
      })
      const dir = manager.dir()
      const shared = sharedIn(manager, operation, dir)
      chmodSync(shared, 0o777)
      plant(join(shared, 'his'), vault)
      const place = join(away, `round-${round}`)
      mkdirSync(place)
      chmodSync(place, 0o777)
      plant(join(place, 'his'), vault)
      const swap = swapperIn(join(operation === 'adopt' ? place : shared, 'his'))
      const swapBeside = swapperIn(place)
      symlinkSync(vault, join(place, 'decoy'))
      step = () => {
        if (random.chance(0.4) && swap('sub', 'decoy')) exchanges++
        if (operation !== 'persist' || random.chance(0.6)) return
        const made = readdirSync(place).find((name) => name.startsWith('.tmp'))
        if (made !== undefined) swapBeside(made, 'decoy')
      }
      // The attack may make the operation fail; it must fail without harm.
      const result = await operate(manager, dir, operation, place).catch(() => undefined)
      step = () => {}
      expect(opened, where).toEqual([])
      expect(portrait(vault), where).toEqual(before)
      if (result !== undefined) expect(holdsSecret(result), where).toBe(false)
      await manager.close()
      expect(portrait(vault), `${where}, after close`).toEqual(before)
    }
    expect(exchanges).toBeGreaterThan(0)
  },
  600_000,
)
