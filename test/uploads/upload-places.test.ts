import { cpSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { FileSystem, TempFileManager } from '../../src/index.ts'
import { slashed } from '../fixtures/slashed.ts'
import { steppingDisk } from '../fixtures/stepping-disk.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

const LETTERS = '0123456789abcdefghjkmnpqrstvwxyz'

/** Adds copies of an upload to its root, each under an id of its own. */
function copies(manager: TempFileManager, id: string, count: number): void {
  const uploads = join(manager.root, 'uploads')
  for (let n = 0; n < count; n++) {
    const copy = `u${LETTERS[n >> 5]}${LETTERS[n & 31]}${'0'.repeat(id.length - 3)}`
    cpSync(join(uploads, id), join(uploads, copy), { recursive: true })
    const record = join(uploads, copy, 'upload.json')
    writeFileSync(record, readFileSync(record, 'utf8').replace(`"id":"${id}"`, `"id":"${copy}"`))
  }
}

/** A disk that counts the records of uploads opened before the event loop turns. */
function countingDisk(): { readonly disk: FileSystem; most(): number } {
  const disk = steppingDisk(() => {})
  const { openSync } = disk
  let [now, most] = [0, 0]
  disk.openSync = (path, flags, mode) => {
    if (slashed(path).endsWith('/upload.json')) {
      if (now++ === 0) setImmediate(() => (now = 0))
      most = Math.max(most, now)
    }
    return openSync(path, flags, mode)
  }
  return { disk, most: () => most }
}

test('a look at many uploads lets the event loop turn in between', async () => {
  const baseDir = tempBase()
  const owner = tempManager({ baseDir })
  const upload = await owner.createUpload({ durable: false })
  await upload.release()
  copies(owner, upload.id, 160)

  const listing = countingDisk()
  expect(await tempManager({ baseDir, fs: listing.disk }).uploads()).toHaveLength(161)
  expect(listing.most()).toBeLessThan(80) // a look opens a record twice at most

  const creating = countingDisk()
  const manager = tempManager({ baseDir, fs: creating.disk, limits: { totalBytes: '1gb' } })
  await (await manager.createUpload({ length: 1, durable: false })).discard()
  expect(creating.most()).toBeGreaterThan(1)
  expect(creating.most()).toBeLessThan(80)
})

test('an upload that moves during the look is listed once, where it is', async () => {
  const baseDir = tempBase()
  const owner = tempManager({ baseDir })
  await using held = await owner.createUpload({ durable: false })
  const waiting = await owner.createUpload({ durable: false })
  await waiting.release()
  const place = (id: string): { free: string; claim: string } => ({
    free: join(owner.root, 'uploads', id),
    claim: join(owner.sessionPath ?? '', 'claims', id),
  })
  // After the names were listed, and before the first record is read, each moves to where the other one was.
  let moved = false
  const swap = (): void => {
    moved = !moved
    const [one, two] = [place(held.id), place(waiting.id)]
    if (moved) renameSync(one.claim, one.free)
    else renameSync(one.free, one.claim)
    if (moved) renameSync(two.free, two.claim)
    else renameSync(two.claim, two.free)
  }
  const disk = steppingDisk(() => {})
  const { openSync } = disk
  disk.openSync = (path, flags, mode) => {
    if (slashed(path).endsWith('/upload.json') && !moved) swap()
    return openSync(path, flags, mode)
  }
  const watcher = tempManager({ baseDir, fs: disk })
  const states = new Map((await watcher.uploads()).map(({ id, state }) => [id, state]))
  swap()
  expect(Object.fromEntries(states)).toEqual({ [held.id]: 'waiting', [waiting.id]: 'receiving' })
})

test('the reservation of an upload that is released during a look counts', async () => {
  const baseDir = tempBase()
  const owner = tempManager({ baseDir })
  const upload = await owner.createUpload({ length: 700, durable: false })
  let released = false
  const disk = steppingDisk(() => {})
  const { openSync } = disk
  disk.openSync = (path, flags, mode) => {
    if (slashed(path).endsWith(`/claims/${upload.id}/upload.json`) && !released) {
      released = true
      renameSync(join(owner.sessionPath ?? '', 'claims', upload.id), join(owner.root, 'uploads', upload.id))
    }
    return openSync(path, flags, mode)
  }
  const other = tempManager({ baseDir, fs: disk, limits: { totalBytes: 1000 } })
  await expect(other.createUpload({ length: 400 })).rejects.toMatchObject({ code: 'ERR_TEMP_QUOTA' })
  expect(released).toBe(true)
})

test('an upload that is claimed and given back during the look is listed and counted with all its bytes', async () => {
  const baseDir = tempBase()
  const owner = tempManager({ baseDir })
  const upload = await owner.createUpload({ durable: false })
  await upload.append('x'.repeat(900))
  await upload.release()
  const [free, away] = [join(owner.root, 'uploads', upload.id), join(tempBase(), upload.id)]
  let moves = 0
  const disk = steppingDisk(() => {})
  const { lstatSync } = disk
  Object.assign(disk, {
    lstatSync(...given: readonly unknown[]): unknown {
      const isData = slashed(String(given[0])).includes(`/uploads/${upload.id}/data/`)
      if (!isData || moves++ > 0) return Reflect.apply(lstatSync, disk, given)
      renameSync(free, away)
      try {
        return Reflect.apply(lstatSync, disk, given)
      } finally {
        renameSync(away, free)
      }
    },
  })
  const watcher = tempManager({ baseDir, fs: disk, limits: { totalBytes: 1000 } })
  expect(await watcher.uploads()).toMatchObject([{ id: upload.id, bytes: 900 }])
  expect(moves).toBeGreaterThan(0)
  moves = 0
  await expect(watcher.createUpload({ length: 200, durable: false })).rejects.toMatchObject({
    code: 'ERR_TEMP_QUOTA',
  })
  expect(moves).toBeGreaterThan(0)
})
