import { constants, readFileSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { describe, expect, test } from 'vitest'
import type { TempFile } from '../../src/index.ts'
import { createFile } from '../../src/temps/create.ts'
import { Namer } from '../../src/temps/naming.ts'
import { failure } from '../fixtures/failures.ts'
import { suspected } from '../fixtures/suspected.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'
import { openSession } from '../session/open-session.ts'

describe('the use of a file', () => {
  test('a file can be read and written through streams, handles, blob and size', async () => {
    const manager = tempManager()
    await using file = manager.file('.txt')
    await pipeline(['one ', 'two'], file.createWriteStream())
    expect(await file.size()).toBe(7)
    await using handle = await file.open('a')
    await handle.writeFile(' three')
    await handle.close()
    const parts: string[] = []
    for await (const part of file.createReadStream({ encoding: 'utf8', start: 4 })) parts.push(part)
    expect(parts.join('')).toBe('two three')
    const blob = await file.blob({ type: 'text/plain' })
    expect([blob.type, blob.size, await blob.text()]).toEqual(['text/plain', 13, 'one two three'])
  })

  test('write replaces the content, and the quota counts the new size in place of the old one', async () => {
    const manager = tempManager()
    const file = manager.file()
    expect(await file.write('a long first content', { hash: 'sha256' })).toMatchObject({ bytes: 20 })
    expect(manager.stats().bytes).toBe(20)
    expect(await file.write('short')).toMatchObject({ bytes: 5, digest: undefined })
    expect(readFileSync(file.path, 'utf8')).toBe('short')
    expect(manager.stats().bytes).toBe(5)
    await file.remove()
    expect(manager.stats().bytes).toBe(0)
  })

  test('a second write is refused until the first has ended, also in its `validate`', async () => {
    const file = tempManager().file()
    const refused = { code: 'ERR_TEMP_IO' }
    const validate = async (): Promise<void> => {
      await expect(file.write('of validate')).rejects.toMatchObject(refused)
    }
    const first = file.write('first', { accept: { validate } })
    await expect(file.write('of another')).rejects.toMatchObject(refused)
    await first
    expect(readFileSync(file.path, 'utf8')).toBe('first')
    await file.write('second')
    expect(readFileSync(file.path, 'utf8')).toBe('second')
  })

  test('a failed write leaves an empty file, not a partial one', async () => {
    const manager = tempManager()
    const file = manager.file()
    await file.write('before')
    await failure('ERR_TEMP_TOO_LARGE', () => file.write(['12345', '67890'], { maxBytes: 8 }))
    expect(await file.size()).toBe(0)
    expect(manager.stats().bytes).toBe(0)
    await file.write('after')
    expect(readFileSync(file.path, 'utf8')).toBe('after')
  })

  test('content that `validate` refuses is not left in the file, and uses no quota', async () => {
    const manager = tempManager()
    const file = manager.file()
    await file.write('clean')
    const validate = (written: TempFile): void => {
      throw new Error(`infected: ${readFileSync(written.path, 'utf8')}`)
    }
    await expect(file.write('a virus', { accept: { validate } })).rejects.toThrow('infected: a virus')
    expect([readFileSync(file.path, 'utf8'), manager.stats().bytes]).toEqual(['', 0])
    await file.write('clean')
    expect([readFileSync(file.path, 'utf8'), manager.stats().bytes]).toEqual(['clean', 5])
  })

  test('a file that `validate` persisted before it refused it stays as it is at its destination', async () => {
    const [manager, target] = [tempManager(), join(tempBase(), 'kept.txt')]
    const file = manager.file()
    const validate = async (written: TempFile): Promise<void> => {
      await written.persist(target)
      throw new Error('refused')
    }
    await expect(file.write('evidence', { accept: { validate } })).rejects.toThrow('refused')
    expect([readFileSync(target, 'utf8'), manager.stats()]).toMatchObject([
      'evidence',
      { bytes: 0, entries: 0 },
    ])
  })

  test.each<[string, (file: TempFile) => unknown]>([
    ['open', (file) => file.open()],
    ['size', (file) => file.size()],
    ['write', (file) => file.write('x')],
    ['blob', (file) => file.blob()],
    ['persist', (file) => file.persist(join(tempBase(), 'x'))],
    ['persistSync', (file) => file.persistSync(join(tempBase(), 'x'))],
    ['handOff', (file) => file.handOff()],
  ])('%s of a file that another program removed is ERR_TEMP_REMOVED', async (_, use) => {
    const file = tempManager().file()
    unlinkSync(file.path)
    await failure('ERR_TEMP_REMOVED', () => use(file))
  })

  test.each(['r', 'rs', constants.O_RDONLY])(
    'a handle that cannot write (%s) lets the file be persisted',
    async (flags) => {
      const file = await tempManager().receive('text')
      await using handle = await file.open(flags)
      const target = await file.persist(join(tempBase(), 'kept.txt'))
      expect([readFileSync(target, 'utf8'), await handle.readFile('utf8')]).toEqual(['text', 'text'])
    },
  )

  test.each(['r+', 'a', constants.O_WRONLY, constants.O_RDWR])(
    'a handle that can write (%s) must be closed before the file is persisted',
    async (flags) => {
      const file = await tempManager().receive('text')
      await using handle = await file.open(flags)
      await failure('ERR_TEMP_IO', () => file.persist(join(tempBase(), 'kept.txt')))
      void handle
    },
  )

  test('an open() that meets remove() leaves nothing registered in the session', async () => {
    const session = openSession()
    const file = createFile(session, new Namer('tmp-').check(''))
    await Promise.all([failure('ERR_TEMP_REMOVED', () => file.open()), file.remove()])
    expect(session.resources.size).toBe(0)
  })
})

describe('files of suspected sessions', () => {
  test('a file in a session with a tombstone’s name is found and opened', async () => {
    const handle = await (suspected('file') as TempFile).open('r+')
    await handle.close()
  })

  test('a file in a session with a tombstone’s name is found and read as a Blob', async () => {
    expect((await (suspected('file') as TempFile).blob()).size).toBe(0)
  })

  test.each(['size', 'write'] as const)(
    '%s() reaches the content of a file in a session with a tombstone’s name',
    async (operation) => {
      const file = suspected('file') as TempFile
      expect(await file[operation]('')).toEqual(
        operation === 'size' ? 0 : expect.objectContaining({ bytes: 0 }),
      )
    },
  )
})
