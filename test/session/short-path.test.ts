// The short paths of directories, for the sockets of child programs.

import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { TempFileManager } from '../../src/index.ts'
import { family } from '../fixtures/family.ts'
import { tempBase } from '../fixtures/temp-base.ts'

const QUIET = { sweep: { onStart: false, every: false } } as const
const links = (manager: TempFileManager): string[] => readdirSync(join(manager.root, 'tmp'))

test('a child program can create a socket in the directory that env({ short: true }) names', async () => {
  await using manager = new TempFileManager({ baseDir: tempBase('/tmp'), ...QUIET })
  await using dir = manager.dir()
  const server = createServer().listen(join(dir.env({ short: true }).TMPDIR, 'socket'))
  await once(server, 'listening')
  expect(readdirSync(dir.path)).toEqual(['socket']) // Node cuts the name of a path that is too long
  await new Promise((closed) => server.close(closed))
})

test('find and stat see the directory behind a short path, not a link', async () => {
  await using manager = new TempFileManager({ baseDir: tempBase(), ...QUIET })
  await using dir = manager.dir()
  writeFileSync(dir.join('x'), '')
  const { TMPDIR } = dir.env({ short: true })
  expect(execFileSync('find', [TMPDIR, '-type', 'f'], { encoding: 'utf8' }).trim()).toBe(`${TMPDIR}x`)
  expect(execFileSync('stat', ['-c', '%F %a', TMPDIR], { encoding: 'utf8' }).trim()).toBe('directory 700')
})

test('each directory has one short path, which ends with it', async () => {
  await using manager = new TempFileManager({ baseDir: tempBase(), ...QUIET })
  const [first, second, third] = [manager.dir(), manager.dir(), manager.dir()]
  expect(first.env({ short: true })).toEqual(first.env({ short: true }))
  second.env({ short: true })
  first.removeSync()
  third.env({ short: true })
  const paths = [second, third].map((dir) => realpathSync(dir.env({ short: true }).TMPDIR))
  expect(paths).toEqual([second.path, third.path])
  expect(links(manager)).toHaveLength(2)
  await second.persist(join(tempBase(), 'kept'))
  await third.remove()
  expect(links(manager)).toEqual([])
})

test('a short path that another program removed is created again', async () => {
  await using manager = new TempFileManager({ baseDir: tempBase(), ...QUIET })
  await using dir = manager.dir()
  const { TMPDIR } = dir.env({ short: true })
  rmSync(join(manager.root, 'tmp'), { recursive: true })
  expect(dir.env({ short: true })).toMatchObject({ TMPDIR })
  expect(realpathSync(TMPDIR)).toBe(dir.path)
})

test.each(['close', 'closeSync'] as const)('%s() removes the short paths', async (how) => {
  const manager = new TempFileManager({ baseDir: tempBase(), ...QUIET })
  manager.dir().env({ short: true })
  await manager[how]()
  expect(links(manager)).toEqual([])
})

test('preserve removes the short paths', async () => {
  const manager = new TempFileManager({ baseDir: tempBase(), preserve: true, ...QUIET })
  manager.dir().env({ short: true })
  await manager.close()
  expect(links(manager)).toEqual([])
})

test('a sweep removes the short paths of a killed program, and no others', async () => {
  const baseDir = tempBase()
  const { killAll } = await family(baseDir, 'env', ['sleep', '60'])
  await using manager = new TempFileManager({ baseDir, name: 'parent', ...QUIET })
  await using dir = manager.dir()
  dir.env({ short: true })
  expect(links(manager)).toHaveLength(2)
  await killAll()
  await manager.sweep()
  expect(links(manager)).toEqual([expect.stringContaining(dir.path.split('-').at(-2) ?? '')])
})

test('where no link can be created, env() names the directory itself', async () => {
  await using manager = new TempFileManager({ baseDir: tempBase(), ...QUIET })
  await using dir = manager.dir()
  writeFileSync(join(manager.root, 'tmp'), 'no directory')
  expect(dir.env({ short: true }).TMPDIR).toBe(dir.path)
  rmSync(join(manager.root, 'tmp'))
})

test.skipIf(!existsSync('/usr/bin/chromium'))(
  'Chromium runs with a short path as its temporary directory',
  async () => {
    await using manager = new TempFileManager({ baseDir: tempBase('/tmp'), name: 'c', ...QUIET })
    await using dir = manager.dir()
    const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--dump-dom', 'about:blank']
    const { stdout } = spawnSync('chromium', flags, {
      env: { ...process.env, ...dir.env({ short: true }) },
      encoding: 'utf8',
    })
    expect(stdout).toContain('<html>')
  },
)
