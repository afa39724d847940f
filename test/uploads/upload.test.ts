import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import type { PartialUpload, TempFileManager } from '../../src/index.ts'
import { failure } from '../fixtures/failures.ts'
import { tempManager } from '../fixtures/temp-base.ts'

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

test('an upload in several appends becomes one handoff with all of its bytes', async () => {
  const manager = tempManager()
  const bytes = randomBytes(3_000_000)
  const upload = await manager.createUpload({
    length: bytes.length,
    originalName: 'film.mkv',
    hash: 'sha256',
  })
  expect(await upload.append(bytes.subarray(0, 1_000_000))).toBe(1_000_000)
  expect(await upload.append(Readable.from([bytes.subarray(1_000_000)]))).toBe(3_000_000)
  const finished = await upload.finish()
  expect(finished).toMatchObject({ bytes: 3_000_000, digest: sha256(bytes), originalName: 'film.mkv' })
  await upload.release()
  await using claim = await manager.claim(finished.ticket)
  expect(sha256(readFileSync(claim.path))).toBe(sha256(bytes))
  expect(claim.name).toMatch(/\.mkv$/)
  await claim.complete()
})

test.each([
  ['limits.fileBytes', { limits: { fileBytes: 10 } }, {}],
  ['the rules given', {}, { maxBytes: 10 }],
])(
  'a declared length beyond %s is refused, and the upload stays as it was',
  async (_what, options, rules) => {
    await using upload = await tempManager(options).createUpload()
    await upload.append('12345')
    await expect(upload.declareLength(11, rules)).rejects.toMatchObject({
      code: 'ERR_TEMP_TOO_LARGE',
      details: { limit: 10 },
    })
    expect([upload.offset, upload.length]).toEqual([5, undefined])
    await upload.declareLength(10, rules)
    expect(upload.length).toBe(10)
  },
)

test.each([undefined, null, '10', 1.5, -1])('the length %j cannot be declared', async (length) => {
  await using upload = await tempManager().createUpload()
  // A call from JavaScript.
  await failure('ERR_TEMP_OPTION_INVALID', () => upload.declareLength(length as unknown as number))
  expect(upload.length).toBeUndefined()
})

const uses: [string, (upload: PartialUpload) => unknown][] = [
  ['append', (upload) => upload.append('more')],
  ['finish', (upload) => upload.finish()],
  ['declareLength', (upload) => upload.declareLength(10)],
  ['read', (upload) => upload.read()],
  ['discard', (upload) => upload.discard()],
]

describe.each(uses)('%s() of an upload', (_, use) => {
  test.each<[string, 'ERR_TEMP_CLOSED' | 'ERR_TEMP_REMOVED', (manager: TempFileManager) => unknown]>([
    ['close()', 'ERR_TEMP_CLOSED', (manager) => manager.close()],
    ['closeSync()', 'ERR_TEMP_CLOSED', (manager) => manager.closeSync()],
    ['removeAll()', 'ERR_TEMP_REMOVED', (manager) => manager.removeAll()],
  ])('a call on an upload after %s rejects with %s, and the upload is kept', async (_name, code, end) => {
    const manager = tempManager()
    const upload = await manager.createUpload()
    await upload.append('bytes')
    await end(manager)
    await failure(code, () => use(upload))
    await using again = await tempManager({ baseDir: dirname(manager.root) }).openUpload(upload.id)
    expect([again.offset, again.length]).toEqual([5, undefined])
  })
})

test('a discard after a release rejects, because the upload is kept; a second discard is nothing', async () => {
  const manager = tempManager()
  const upload = await manager.createUpload()
  await upload.release()
  await failure('ERR_TEMP_REMOVED', () => upload.discard())
  const again = await manager.openUpload(upload.id)
  await Promise.all([again.discard(), again.discard()])
  await again.discard()
  expect(await manager.uploads()).toEqual([])
})

test('an upload that was created while removeAll() began does not hold removeAll() up', async () => {
  const manager = tempManager()
  await manager.file().remove()
  const creating = manager.createUpload()
  const removing = manager.removeAll()
  const upload = await creating
  const endless = new Readable({ read() {} })
  await expect(upload.append(endless)).rejects.toMatchObject({
    code: expect.stringMatching(/^ERR_TEMP_(?:ABORTED|REMOVED)$/),
  })
  await removing
})
