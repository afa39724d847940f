import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fileRules } from '../../src/index.ts'
import { failure } from '../fixtures/failures.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489', 'hex')

function fileWith(name: string, content: string | Buffer): string {
  const path = join(tempBase(), name)
  writeFileSync(path, content)
  return path
}

describe('checkFile', () => {
  test('checkFile() returns size and type of an accepted file, and leaves it where it is', async () => {
    const path = fileWith('photo.png', PNG)
    const manager = tempManager()
    expect(await manager.checkFile(path, fileRules.image)).toEqual({
      path,
      bytes: PNG.length,
      detectedType: 'image/png',
    })
    expect(readFileSync(path)).toEqual(PNG)
    expect(manager.sessionPath, 'nothing was created for it').toBeUndefined()
  })

  test.each([
    ['a false extension', 'photo.png', 'plain text', 'ERR_TEMP_TYPE_REJECTED'],
    ['an extension that is not accepted', 'photo.exe', PNG, 'ERR_TEMP_TYPE_REJECTED'],
    ['an empty file', 'photo.png', '', 'ERR_TEMP_TOO_SMALL'],
  ] as const)('checkFile() refuses %s', async (_what, name, content, code) => {
    await failure(code, () => tempManager().checkFile(fileWith(name, content), fileRules.image))
  })

  test('checkFile() refuses a file over its limit', async () => {
    const path = fileWith('photo.png', PNG)
    await failure('ERR_TEMP_TOO_LARGE', () =>
      tempManager().checkFile(path, { ...fileRules.image, minBytes: 0, maxBytes: 10 }),
    )
  })

  test('checkFile() refuses a link, also one to an accepted file', async () => {
    const path = fileWith('photo.png', PNG)
    symlinkSync(path, `${path}.link.png`)
    await failure('ERR_TEMP_TYPE_REJECTED', () =>
      tempManager().checkFile(`${path}.link.png`, fileRules.image),
    )
  })

  test('checkFile() reports a missing file as ERR_TEMP_IO', async () => {
    await failure('ERR_TEMP_IO', () => tempManager().checkFile(join(tempBase(), 'none.png'), fileRules.image))
  })

  test('checkFile() without rules is refused: a misspelled preset would accept every file', async () => {
    const path = fileWith('photo.png', PNG)
    const { images } = fileRules as unknown as { images: typeof fileRules.image }
    await failure('ERR_TEMP_OPTION_INVALID', () => tempManager().checkFile(path, images))
  })
})

describe('adopt with accept', () => {
  test('adopt() with accept leaves a refused file where it is', async () => {
    const path = fileWith('photo.png', 'plain text')
    const manager = tempManager()
    await failure('ERR_TEMP_TYPE_REJECTED', () => manager.adopt(path, { accept: fileRules.image }))
    expect(existsSync(path)).toBe(true)
    expect(manager.stats().entries).toBe(0)
  })

  test('adopt() with accept moves an accepted file in', async () => {
    const path = fileWith('photo.png', PNG)
    await using file = await tempManager().adopt(path, { accept: fileRules.image })
    expect(readFileSync(file.path)).toEqual(PNG)
    expect(existsSync(path)).toBe(false)
  })
})
