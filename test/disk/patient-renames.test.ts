import fs, { readFileSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import type { FileSystem } from '../../src/index.ts'
import { platform, usePlatform } from '../../src/platform/index.ts'
import { failure } from '../fixtures/failures.ts'
import { tempManager } from '../fixtures/temp-base.ts'

/** A disk that renames no handoff as long as `busy` is positive: another process has a file in it open. */
function busyDisk(busy: number): FileSystem & { refused: number } {
  onTestFinished(usePlatform({ ...platform(), movesOpenDirectories: false }))
  const disk = {
    ...fs,
    native: true,
    refused: 0,
    renameSync: (from: string, to: string) => {
      if (/[/\\]handoffs[/\\][^.]/.test(from) && disk.refused < busy) {
        disk.refused++
        throw Object.assign(new Error('EPERM'), { code: 'EPERM' })
      }
      fs.renameSync(from, to)
    },
  }
  return disk as unknown as FileSystem & { refused: number } // paths are strings in this test
}

test('a handoff that an open file blocks is claimed as soon as the file is closed', async () => {
  const disk = busyDisk(3)
  const manager = tempManager({ fs: disk })
  const ticket = await (await manager.receive('work')).handOff({ durable: false })
  await manager.withClaim(ticket, (claim) => expect(readFileSync(claim.path, 'utf8')).toBe('work'))
  expect(disk.refused).toBe(3)
})

test('a file that stays open fails the claim with ERR_TEMP_IO, and the handoff stays', async () => {
  const manager = tempManager({ fs: busyDisk(Number.POSITIVE_INFINITY) })
  const ticket = await (await manager.receive('work')).handOff({ durable: false })
  const error = await failure('ERR_TEMP_IO', () => manager.claim(ticket))
  expect(error.cause).toMatchObject({ code: 'EPERM' })
  expect(await manager.inspect(ticket)).toMatchObject({ state: 'available' })
})
