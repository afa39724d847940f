import { createHash } from 'node:crypto'
import fs, { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { FileSystem, TempFileManager } from '../../src/index.ts'
import { keepDigest, RunningDigest, takeDigest } from '../../src/uploads/running-digest.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

const CONTENT = Buffer.from('0123456789')
const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** A file of the content, and the positions from which it was read. */
function onDisk() {
  const path = join(tempBase(), 'upload')
  writeFileSync(path, CONTENT)
  const starts: (number | undefined)[] = []
  const watched: FileSystem = {
    ...fs,
    native: true,
    createReadStream: (file, options) => {
      starts.push((options as { start?: number }).start) // as it is called here
      return fs.createReadStream(file, options as never) as never
    },
  }
  return { path, watched, starts }
}

describe('running digests', () => {
  test('the digest of bytes that were hashed while they arrived needs no read', async () => {
    const { path, watched, starts } = onDisk()
    const digest = new RunningDigest(['sha256', 'sha256'])
    digest.update(CONTENT.subarray(0, 4))
    digest.update(CONTENT.subarray(4))
    expect(await digest.finish(watched, path, 10)).toEqual({ sha256: digestOf(CONTENT) })
    expect(starts).toEqual([])
  })

  test('a running digest reads only the bytes that were not hashed', async () => {
    const { path, watched, starts } = onDisk()
    const digest = new RunningDigest(['sha256'])
    digest.update(CONTENT.subarray(0, 4))
    expect(await digest.finish(watched, path, 10)).toEqual({ sha256: digestOf(CONTENT) })
    expect(starts).toEqual([4])
  })

  test('a running digest that is ahead of the acknowledged bytes starts again from the first one', async () => {
    const { path, watched } = onDisk()
    const digest = new RunningDigest(['sha256'])
    digest.update(CONTENT)
    expect(await digest.finish(watched, path, 4)).toEqual({ sha256: digestOf(CONTENT.subarray(0, 4)) })
  })

  test('a running digest can be finished twice', async () => {
    const { path, watched } = onDisk()
    const digest = new RunningDigest(['sha256'])
    expect(await digest.finish(watched, path, 10)).toEqual(await digest.finish(watched, path, 10))
  })

  test('a running digest of no algorithm reads nothing', async () => {
    const { path, watched, starts } = onDisk()
    expect(await new RunningDigest([]).finish(watched, path, 10)).toEqual({})
    expect(starts).toEqual([])
  })

  test('a kept digest is continued by the next request at its offset, and by one request only', () => {
    const digest = new RunningDigest(['sha256'])
    digest.update(CONTENT.subarray(0, 4))
    keepDigest('continued', digest)
    expect(takeDigest('continued', 4, ['sha256'])).toBe(digest)
    expect(takeDigest('continued', 4, ['sha256'])).not.toBe(digest)
  })

  test('a digest that was kept at another offset is not continued', () => {
    const digest = new RunningDigest(['sha256'])
    digest.update(CONTENT)
    keepDigest('moved', digest)
    expect(takeDigest('moved', 4, ['sha256']).offset).toBe(0)
  })

  test('a kept digest is forgotten when 256 newer ones are kept, so memory has a bound', () => {
    const first = new RunningDigest(['sha256'])
    keepDigest('first', first)
    for (let n = 0; n < 256; n++) keepDigest(`later-${n}`, new RunningDigest(['sha256']))
    expect(takeDigest('first', 0, ['sha256'])).not.toBe(first)
  })
})

test('uploads of one id in several roots each have the digest of their own bytes', async () => {
  const [one, other] = [tempManager(), tempManager()]
  const send = async (manager: TempFileManager, text: string): Promise<void> => {
    await using upload = await manager.createUpload({ id: 'photo', hash: 'sha256' })
    await upload.append(text)
  }
  const finish = async (manager: TempFileManager): Promise<string | undefined> => {
    await using upload = await manager.openUpload('photo')
    return (await upload.finish()).digest
  }
  await send(one, 'aaaa')
  await send(other, 'bbbb')
  expect(await finish(one)).toBe(digestOf(Buffer.from('aaaa')))
  expect(await finish(other)).toBe(digestOf(Buffer.from('bbbb')))
})
