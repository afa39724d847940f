import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
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
