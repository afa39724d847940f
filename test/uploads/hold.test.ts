// An upload in this process's hands. Guarantee: it goes back by itself; after a power cut an offset that was reported is there,
// and no offset is shown whose bytes are not on the disk.

import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { cutDisk, KINDS } from '../fixtures/cut-disk.ts'
import { canMount, has } from '../fixtures/mounts.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

const CONTENT = Buffer.from(Array.from({ length: 3_000_000 }, (_, n) => (n * 7919) >> 3)) // no two blocks alike
const kinds = process.env['FAULTS'] === 'all' ? (['ext4', 'xfs'] as const) : (['ext4'] as const)

test.skipIf(!canMount || !kinds.every((kind) => has(KINDS[kind].make))).each(kinds)(
  // mounts need root
  'on %s no power cut shows an offset beyond the durable bytes, and each offset that was reported is there',
  async (kind) => {
    const { manager, cut, after } = cutDisk(kind)
    const upload = await manager.createUpload({ length: CONTENT.length, hash: 'sha256' })
    const id = upload.id
    cut('created')
    await upload.append(CONTENT.subarray(0, 1_000_000))
    cut('appended')
    const reported: number[] = []
    const source = new Readable({ read() {}, highWaterMark: 8_000_000 })
    source.push(CONTENT.subarray(1_000_000, 2_000_000))
    const appending = upload.append(source, {
      onOffset: (offset) => {
        reported.push(offset)
        cut('reported')
        source.push(CONTENT.subarray(2_000_000)) // written after the checkpoint, and not synced
        source.push(null)
      },
      last: true,
    })
    await appending
    cut('written')
    const { ticket, digest } = await upload.finish()
    cut('finished')
    await upload.release()

    const offsetAfter = async (name: string): Promise<number> => {
      let shown = -1
      await after(name, async (again) => {
        await using restored = await again.openUpload(id)
        shown = restored.offset
        const bytes = Buffer.concat(await restored.read().toArray())
        expect(bytes.equals(CONTENT.subarray(0, shown))).toBe(true)
        await restored.append(CONTENT.subarray(shown))
        expect((await restored.finish()).digest).toBe(digest)
      })
      return shown
    }
    expect(await offsetAfter('created')).toBe(0)
    expect(await offsetAfter('appended')).toBe(1_000_000)
    expect(reported).toEqual([2_000_000])
    expect(await offsetAfter('reported')).toBe(2_000_000)
    expect(await offsetAfter('written')).toBe(2_000_000) // promised by nobody: what follows the last checkpoint is lost
    await after('finished', async (again) => {
      await using claim = await again.claim(ticket)
      expect(readFileSync(claim.path).equals(CONTENT)).toBe(true)
      await using restored = await again.openUpload(id)
      expect(restored.finished?.ticket).toBe(ticket)
    })
  },
  60_000,
)

test('a released upload is in uploads/ under its id, with its offset in the name of its state file', async () => {
  const manager = tempManager()
  const upload = await manager.createUpload()
  await upload.append('12345')
  expect(existsSync(join(manager.root, 'uploads', upload.id))).toBe(false)
  await upload.release()
  expect(readdirSync(join(manager.root, 'uploads', upload.id)).sort()).toEqual([
    'at-5',
    'data',
    'upload.json',
  ])
})

test('closing the manager gives a held upload back with its bytes', async () => {
  const manager = tempManager()
  const upload = await manager.createUpload({ length: 10 })
  const stuck = new Readable({ read() {} })
  stuck.push('12345')
  const appending = upload.append(stuck).catch((error: unknown) => error)
  await expect.poll(() => upload.offset).toBe(5)
  await manager.close()
  expect(await appending).toMatchObject({ code: 'ERR_TEMP_ABORTED' })
  const other = tempManager({ baseDir: join(manager.root, '..') })
  await using again = await other.openUpload(upload.id)
  expect(again.offset).toBe(5)
})

test.each(['close', 'closeSync', 'removeAll'] as const)(
  'a take-over does not wait for a writer of this process that %s has ended',
  async (end) => {
    const base = tempBase()
    const manager = tempManager({ baseDir: base })
    const upload = await manager.createUpload({ length: 5 })
    await upload.append('123')
    await manager[end]()
    const again = await tempManager({ baseDir: base }).openUpload(upload.id, {
      whenBusy: 'take-over',
      timeout: '20s',
    })
    expect(again.offset).toBe(3)
  },
)

test.each(['release()', 'sweep'])(
  'an upload that could not be given back goes back with the next %s',
  async (next) => {
    const manager = tempManager()
    const upload = await manager.createUpload({ length: 4 })
    await upload.append('ab')
    const [uploads, away] = [join(manager.root, 'uploads'), join(manager.root, '..', 'away')]
    renameSync(uploads, away)
    writeFileSync(uploads, '') // no directory: the rename into it fails
    await expect(upload.release()).rejects.toThrow(expect.objectContaining({ code: 'ERR_TEMP_IO' }))
    rmSync(uploads)
    renameSync(away, uploads)
    await (next === 'sweep' ? manager.sweep() : upload.release())
    await using again = await manager.openUpload(upload.id)
    expect(again.offset).toBe(2)
  },
)
