// npm run test:swap (SWAP_ROUNDS=500): another user exchanges what is his for a link to a vault, at random steps of
// every operation that meets his directories. Guarantee: nothing in the vault is read, changed or deleted.

import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type TempDir, TempFileManager } from '../../src/index.ts'
import { everyStep } from '../fixtures/every-step.ts'
import { canMount, ORDINARY } from '../fixtures/mounts.ts'
import { canSwap, swapperIn } from '../fixtures/swapper.ts'
import { tempBase } from '../fixtures/temp-base.ts'
import { volume } from '../temps/devices.ts'

const ROUNDS = Number(process.env['SWAP_ROUNDS'] ?? 21)
const SECRET = 'a secret of root'
const OPERATIONS = ['remove', 'removeSync', 'persist', 'adopt', 'handOff', 'claim', 'close'] as const

/** A tree that belongs to the other user, with a link to the vault beside each directory. */
function plant(tree: string, vault: string): void {
  for (const path of [tree, join(tree, 'sub'), join(tree, 'sub/deep')]) mkdirSync(path, { recursive: true })
  for (const path of ['one', 'sub/one', 'sub/deep/one']) writeFileSync(join(tree, path), 'his')
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

function holdsSecret(path: string): boolean {
  return (
    existsSync(path) &&
    readdirSync(path, { recursive: true, withFileTypes: true }).some(
      (entry) => entry.isFile() && readFileSync(join(entry.parentPath, entry.name), 'utf8') === SECRET,
    )
  )
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
  else {
    const ticket = await dir.handOff()
    if (operation === 'claim') await manager.withClaim(ticket, () => {})
  }
  return undefined
}

test.runIf(canSwap && canMount).each(OPERATIONS)(
  '%s touches nothing outside while another user exchanges directories for links',
  async (operation) => {
    const rounds = Math.ceil(ROUNDS / OPERATIONS.length)
    const away = volume('16m')
    let exchanges = 0
    for (let round = 0; round < rounds; round++) {
      const vault = makeVault()
      const before = portrait(vault)
      let step = (): void => {}
      const manager = new TempFileManager({
        baseDir: tempBase(),
        fs: everyStep(() => step()),
        sweep: { onStart: false, every: false },
        onCleanupError: () => {},
      })
      const dir = manager.dir()
      chmodSync(dir.path, 0o777)
      plant(join(dir.path, 'his'), vault)
      const place = join(away, `round-${round}`)
      mkdirSync(place)
      chmodSync(place, 0o777)
      plant(join(place, 'his'), vault)
      const swap = swapperIn(join(operation === 'adopt' ? place : dir.path, 'his'))
      const swapBeside = swapperIn(place)
      const decoy = join(place, 'decoy')
      symlinkSync(vault, decoy)
      step = () => {
        if (Math.random() < 0.4 && swap('sub', 'decoy')) exchanges++
        if (operation !== 'persist' || Math.random() > 0.4) return
        const made = readdirSync(place).find((name) => name.startsWith('.tmp'))
        if (made !== undefined) swapBeside(made, 'decoy')
      }
      // The attack may make the operation fail; it must fail without harm.
      const result = await operate(manager, dir, operation, place).catch(() => undefined)
      step = () => {}
      expect(portrait(vault), `round ${round}`).toEqual(before)
      if (result !== undefined) expect(holdsSecret(result), `round ${round}`).toBe(false)
      await manager.close()
      expect(portrait(vault), `round ${round}, after close`).toEqual(before)
    }
    expect(exchanges).toBeGreaterThan(0)
  },
  600_000,
)
