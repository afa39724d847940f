import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, isAbsolute } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { failureSync } from '../fixtures/failures.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

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
