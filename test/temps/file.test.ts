import { constants, existsSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { TempFile } from '../../src/index.ts'
import { createFile } from '../../src/temps/create.ts'
import { Namer } from '../../src/temps/naming.ts'
import { failure, failureSync } from '../fixtures/failures.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'
import { openSession } from '../session/open-session.ts'

const modeOf = (path: string): number => statSync(path).mode & 0o7777

/** Sets the umask until the test ends. */
function underUmask(mask: number): void {
  const before = process.umask(mask)
  onTestFinished(() => void process.umask(before))
}

describe('new files', () => {
  test('a new file is empty, private and in the session when file() returns', () => {
    const manager = tempManager()
    using file = manager.file('.mkv')
    expect(isAbsolute(file.path)).toBe(true)
    expect(dirname(file.path)).toBe(manager.sessionPath)
    expect(statSync(file.path)).toMatchObject({ size: 0 })
    expect(modeOf(file.path)).toBe(0o600)
    expect(file.name).toMatch(/^tmp-[0-9a-z]{16}-\d+\.mkv$/)
    expect(file.path.endsWith(`/${file.name}`)).toBe(true)
    expect(file).toMatchObject({ kind: 'file', disposed: false })
  })

  test('a new file has a name that differs from the files of every other manager', () => {
    const base = tempBase()
    const [one, two] = [tempManager({ baseDir: base }), tempManager({ baseDir: base })]
    const names = [one, two, one, two].flatMap((manager) => [manager.file().name, manager.dir().name])
    expect(new Set(names).size).toBe(names.length)
  })

  test('a new file takes the manager’s prefix, or its own', () => {
    const manager = tempManager({ prefix: 'clip-' })
    expect(manager.file('.a').name).toMatch(/^clip-\w+-\d+\.a$/)
    expect(manager.file({ prefix: 'x', suffix: '.b' }).name).toMatch(/^x\w+-\d+\.b$/)
    expect(manager.file({ prefix: '' }).name).toMatch(/^\w{16}-\d+$/)
  })

  test.each(['映画.mkv', 'v1..2.tar.gz', 'n'.repeat(255), 'owner.json', 'lease', ' a'])(
    'a new file is called exactly %s when asked for',
    async (name) => {
      const manager = tempManager()
      const [first, second] = [manager.file({ name }), await manager.fileAsync({ name })]
      expect([first.name, second.name]).toEqual([name, name])
      expect(first.path).not.toBe(second.path)
      writeFileSync(first.path, '1')
      first[Symbol.dispose]()
      expect(existsSync(dirname(first.path)), 'its own directory goes with it').toBe(false)
      await second[Symbol.asyncDispose]()
      expect(existsSync(dirname(second.path))).toBe(false)
    },
  )

  test('a new file keeps its path when the program changes its directory', () => {
    const manager = tempManager()
    const before = process.cwd()
    onTestFinished(() => process.chdir(before))
    const file = manager.file()
    process.chdir('/')
    expect(existsSync(file.path)).toBe(true)
    expect(existsSync(manager.file().path)).toBe(true)
    file.removeSync()
    expect(existsSync(file.path)).toBe(false)
  })

  test.each([0o777, 0o000, 0o277])(
    'a new file or directory is private and usable under the umask %o',
    async (mask) => {
      const base = tempBase() // the test's own directory, before the umask spoils it for an ordinary user
      underUmask(mask)
      const manager = tempManager({ baseDir: `${base}/made/for/it` })
      const files = [manager.file(), await manager.fileAsync(), await manager.receive('x')]
      expect(files.map((file) => modeOf(file.path))).toEqual([0o600, 0o600, 0o600])
      const dirs = [manager.dir(), await manager.dirAsync(), manager.dir({ name: 'exact' })]
      expect(dirs.map((dir) => modeOf(dir.path))).toEqual([0o700, 0o700, 0o700])
      const session = manager.sessionPath ?? ''
      for (const place of [
        manager.root,
        `${manager.root}/sessions`,
        `${manager.root}/handoffs`,
        session,
        `${session}/claims`,
      ])
        expect(modeOf(place), place.slice(manager.root.length)).toBe(0o700)
      expect(modeOf(`${session}/owner.json`)).toBe(0o600)
      expect(modeOf(`${session}/lease`)).toBe(0o600)
      expect(modeOf(dirname(manager.root)) & 0o700, 'the base directory it made').toBe(0o700)
    },
  )

  test('a new file or directory has the requested mode under a stricter umask', async () => {
    underUmask(0o077)
    const manager = tempManager()
    const made = [
      manager.file({ mode: 0o644 }),
      await manager.fileAsync({ mode: 0o640 }),
      manager.dir({ mode: 0o755 }),
    ]
    expect(made.map((entry) => modeOf(entry.path))).toEqual([0o644, 0o640, 0o755])
  })

  test('file() throws when a file exists under the new name, and leaves that file as it is', () => {
    const manager = tempManager()
    const first = manager.file()
    const sequence = Number(/-(\d+)$/.exec(first.name)?.[1])
    const next = first.path.replace(/\d+$/, String(sequence + 1))
    writeFileSync(next, 'planted')
    failureSync('ERR_TEMP_IO', () => manager.file())
    expect(readFileSync(next, 'utf8')).toBe('planted')
    expect(manager.stats().entries, 'the failed one is not counted').toBe(1)
  })
})

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
