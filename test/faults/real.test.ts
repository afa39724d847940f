// Faults as real machines have them: a full disk, a disk that fails, one that is read-only, no descriptors, a
// directory that cannot be changed, a process that deletes everything all the time. Guarantee: typed errors, and normal
// work again after the fault. CLEANER_OPERATIONS sets the length of the last (10,000 in the long run).

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { isTempFileError, type TempFile } from '../../src/index.ts'
import { runChild } from '../fixtures/child.ts'
import { failure, failureSync } from '../fixtures/failures.ts'
import { canFreeze, freeze } from '../fixtures/immutable.ts'
import { canMount, has, mount } from '../fixtures/mounts.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'
import { openBelow } from './aftermath.ts'

const BLOCK = 'x'.repeat(100_000)

function mounted(...options: readonly string[]): string {
  const at = join(tempBase(), 'disk')
  mkdirSync(at)
  mount('-t', 'tmpfs', ...options, 'tmpfs', at)
  return at
}

describe.skipIf(!canMount)('a disk (needs root)', () => {
  test('a disk of 1 MB that fills up causes typed errors and no partial file, and workers can empty it', async () => {
    const at = mounted('-o', 'size=1m,mode=700')
    const manager = tempManager({ baseDir: at })
    const ticket = await (await manager.receive(BLOCK)).handOff()
    const files: TempFile[] = []
    const full = await failure('ERR_TEMP_NO_SPACE', async () => {
      for (;;) files.push(await manager.receive(BLOCK))
    })
    expect(full.status).toBe(507)
    expect(files.length).toBeGreaterThan(3)
    await failure('ERR_TEMP_NO_SPACE', () => manager.file().write(BLOCK.repeat(9)))
    for (const file of files) expect(await file.size()).toBe(BLOCK.length)
    const claim = await manager.claim(ticket) // needs no space
    await claim.release()
    await manager.discard(ticket)
    for (const file of files) await file.remove()
    await manager.receive(BLOCK.repeat(5))
    expect(openBelow({ base: at, beside: at, far: at })).toEqual([])
    await manager.close()
    expect(readdirSync(join(manager.root, 'sessions'))).toEqual([])
  })

  test('a disk that becomes read-only causes typed errors, lists handoffs, and works again afterwards', async () => {
    const at = mounted('-o', 'mode=700')
    const errors: string[] = []
    const manager = tempManager({ baseDir: at, onCleanupError: ({ code }) => errors.push(code) })
    const ticket = await manager.file().handOff()
    const file = manager.file()
    execFileSync('mount', ['-o', 'remount,ro', at])
    failureSync('ERR_TEMP_IO', () => manager.file())
    failureSync('ERR_TEMP_IO', () => tempManager({ baseDir: at, onCleanupError: () => {} }).file())
    await failure('ERR_TEMP_IO', () => manager.receive('data'))
    await failure('ERR_TEMP_IO', () => manager.claim(ticket))
    await failure('ERR_TEMP_IO', () => file.handOff())
    await failure('ERR_TEMP_CLEANUP', () => file.remove())
    expect((await manager.handoffs()).map((handoff) => handoff.ticket)).toEqual([ticket])
    expect((await manager.sweep()).handoffsExpired).toEqual([])
    file[Symbol.dispose]()
    expect(errors).toContain('ERR_TEMP_CLEANUP')
    execFileSync('mount', ['-o', 'remount,rw', at])
    await file.remove()
    await manager.discard(ticket)
    await manager.close()
    expect(readdirSync(join(manager.root, 'sessions'))).toEqual([])
  })

  // An ext4 in a file that cannot grow: its writes fail as those of a dying disk do, at the sync.
  test.skipIf(!has('mkfs.ext4'))(
    'a durable handOff on a disk whose writes fail rejects, and the data is where it was',
    async () => {
      const thin = mounted('-o', 'size=6m,mode=700')
      const image = join(thin, 'image')
      writeFileSync(image, '')
      truncateSync(image, 64 * 1024 * 1024)
      execFileSync('mkfs.ext4', ['-q', '-O', '^has_journal', image], { stdio: 'pipe' })
      const at = join(tempBase(), 'failing')
      mkdirSync(at)
      mount('-o', 'loop', image, at)
      const manager = tempManager({ baseDir: at, onCleanupError: () => {} })
      const dir = manager.dir()
      writeFileSync(dir.join('small'), 'data')
      const file = manager.file()
      writeFileSync(file.path, BLOCK.repeat(200)) // 20 MB into the page cache; the disk below has room for 6
      const error: unknown = await file.handOff().catch((thrown: unknown) => thrown)
      // EIO or ENOSPC: the kernel chooses how it reports the disk below.
      expect(isTempFileError(error) && error.code).toMatch(/^ERR_TEMP_(?:IO|NO_SPACE)$/)
      expect(error).toHaveProperty('cause')
      expect(readdirSync(join(manager.root, 'handoffs'))).toEqual([])
      expect(await file.size()).toBe(BLOCK.length * 200)
      expect(readFileSync(dir.join('small'), 'utf8')).toBe('data')
      await file.remove()
      expect(existsSync(file.path)).toBe(false)
    },
    60_000,
  )
})

test('without descriptors every operation fails by a typed error, and works when there are some', async () => {
  const { stdout, stderr, code } = await runChild('few-descriptors.ts', {
    args: [tempBase()],
    under: ['sh', '-c', 'ulimit -n 200 && exec "$0" "$@"'],
  })
  expect([code, stderr]).toEqual([0, ''])
  const [without = '', having, leaked] = stdout.trim().split('\n')
  expect(without).not.toContain('untyped')
  expect(without).toContain('ERR_TEMP_IO')
  expect(having).toMatch(/^with( fine)+$/)
  expect(leaked).toBe('leaked 0')
})

test.skipIf(!canFreeze)(
  'calls in an immutable session throw or report typed errors, and work when it is mutable (needs root)',
  async () => {
    const errors: string[] = []
    const manager = tempManager({ onCleanupError: ({ code }) => errors.push(code) })
    const file = manager.file()
    const thaw = freeze(manager.sessionPath ?? '')
    failureSync('ERR_TEMP_IO', () => manager.file())
    failureSync('ERR_TEMP_CLEANUP', () => file.removeSync())
    await file[Symbol.asyncDispose]()
    expect(errors).toEqual(['ERR_TEMP_CLEANUP'])
    thaw()
    await file.remove()
    expect(existsSync(file.path)).toBe(false)
  },
)

test.skipIf(!canFreeze)(
  'a close() that immutable sessions/ defeat is reported, and closeSync() finishes it (needs root)',
  async () => {
    const errors: string[] = []
    const manager = tempManager({ onCleanupError: ({ code }) => errors.push(code) })
    manager.file()
    const thaw = freeze(join(manager.root, 'sessions'))
    failureSync('ERR_TEMP_IO', () => tempManager({ baseDir: join(manager.root, '..') }).file())
    await manager.close()
    expect(errors).toEqual(['ERR_TEMP_CLEANUP'])
    thaw()
    manager.closeSync()
    expect(readdirSync(join(manager.root, 'sessions'))).toEqual([])
  },
)

const OPERATIONS = Number(process.env['CLEANER_OPERATIONS'] ?? 600)

test(`${OPERATIONS} operations while another process deletes everything in a loop: each succeeds or rejects with a typed error, and the process does not crash`, async () => {
  const base = tempBase()
  const manager = tempManager({ baseDir: base, onCleanupError: () => {} })
  manager.file()
  const cleaner = spawn('sh', ['-c', 'while :; do rm -rf "$0"/* 2>/dev/null; done', manager.root], {
    stdio: 'ignore',
  })
  onTestFinished(() => {
    cleaner.kill('SIGKILL')
  })
  const codes = new Map<string, number>()
  const act = [
    () => manager.file().removeSync(),
    () => manager.receive('data').then((file) => file.remove()),
    async () => manager.dir({ name: 'tree' })[Symbol.asyncDispose](),
    async () => manager.discard(await manager.file().handOff({ durable: false })),
    async () => (await manager.fileAsync()).size(),
    () => manager.file().write('data'),
  ]
  for (let n = 0; n < OPERATIONS; n++) {
    try {
      await act[n % act.length]?.()
      codes.set('done', (codes.get('done') ?? 0) + 1)
    } catch (error) {
      if (!isTempFileError(error)) throw error
      codes.set(error.code, (codes.get(error.code) ?? 0) + 1)
    }
  }
  cleaner.kill('SIGKILL')
  await once(cleaner, 'exit')
  console.log(`beside a cleaner: ${[...codes].map(([code, count]) => `${code} ${count}`).join(', ')}`)
  const known = [
    'done',
    'ERR_TEMP_IO',
    'ERR_TEMP_REMOVED',
    'ERR_TEMP_SESSION_LOST',
    'ERR_TEMP_HANDOFF_GONE',
    'ERR_TEMP_HANDOFF_CORRUPT',
  ]
  expect([...codes.keys()].filter((code) => !known.includes(code))).toEqual([])
  expect(codes.get('done')).toBeGreaterThan(0)
  await (await manager.receive('data')).remove() // all is well again
  await manager.close()
}, 300_000)

test.skipIf(process.geteuid?.() !== 0)(
  "a base directory of another user's, in which an ordinary one may not write, is a typed error (needs root)",
  async () => {
    const { stdout, stderr } = await runChild('refused.ts', { args: [tempBase()] })
    expect([stdout, stderr]).toEqual(['ERR_TEMP_IO EACCES\n', ''])
  },
)
