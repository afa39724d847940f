import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { digestOfParts, PartDigest } from '../../src/s3/part-digest.ts'

it('the digest of a file does not depend on how its bytes arrive', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 50 }),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 9 }),
      (bytes, part, chunk) => {
        const parts: Buffer[] = []
        for (let at = 0; at === 0 || at < bytes.length; at += part)
          parts.push(
            createHash('sha256')
              .update(bytes.subarray(at, at + part))
              .digest(),
          )
        const digest = new PartDigest(part)
        for (let at = 0; at < bytes.length; at += chunk) digest.update(bytes.subarray(at, at + chunk))
        expect(digest.digest()).toBe(digestOfParts(parts))
      },
    ),
  )
})
