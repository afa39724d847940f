// macOS, put in the place of the system that runs the tests: its rules are tested everywhere. Its socket addresses are used
// for real where unix sockets are; Linux takes 107 bytes, macOS 103, so an address short enough for macOS works there too.

import { lstatSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { askLease, bindLeases } from '../../src/liveness/lease.ts'
import { darwin } from '../../src/platform/darwin.ts'
import { usePlatform } from '../../src/platform/index.ts'
import { agedFileSystem, craftSession, endedPid } from '../fixtures/crafted-session.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

const MAX_ADDRESS = 103
const HOUR_MS = 3_600_000
const hasSockets = process.platform !== 'win32'

/** A directory whose path has exactly `bytes` bytes. */
function directoryOf(bytes: number): string {
  let path = tempBase()
  while (bytes - path.length > 200) path = join(path, 'x'.repeat(100))
  path = join(path, 'x'.repeat(bytes - path.length - 1))
  mkdirSync(path, { recursive: true })
  return path
}

const linksInTmp = (): string[] =>
  readdirSync('/tmp').filter((name) => name.startsWith(`.tfm-${process.pid}-`))

describe.skipIf(!hasSockets)('a lease on macOS (needs unix sockets)', () => {
  test.each([90, 97, 98, 99, 130, 250, 700])(
    'a lease on macOS is bound and asked by an address of at most 103 bytes in a directory of %d bytes',
    async (bytes) => {
      onTestFinished(usePlatform(darwin))
      const place = { directory: directoryOf(bytes), id: 'a' }
      for (const name of darwin.lease.names) {
        const length = darwin.lease.at(place, name, (address) => Buffer.byteLength(address))
        expect(length).toBeLessThanOrEqual(MAX_ADDRESS)
      }
      const leases = bindLeases(place)
      onTestFinished(() => {
        for (const lease of leases) lease.close()
      })
      expect(leases.map(({ name }) => name)).toEqual(['lease', 'lease-2'])
      expect(await askLease(place, 'lease')).toBe('answers')
      expect(await askLease(place, 'lease-2')).toBe('answers')
      for (const lease of leases) lease.close()
      expect(await askLease(place, 'lease')).toBe('refuses')
      expect(linksInTmp(), 'the short link lives for the call').toEqual([])
    },
  )

  test('an address of a lease on macOS that fails leaves no link', () => {
    const place = { directory: directoryOf(150), id: 'a' }
    const fail = (): never => {
      throw new Error('refused')
    }
    expect(() => darwin.lease.at(place, 'lease', fail)).toThrow('refused')
    expect(linksInTmp()).toEqual([])
  })

  test('a sweep on macOS keeps a live owner and removes one that refuses and that nothing refreshes', async () => {
    onTestFinished(usePlatform(darwin))
    const manager = tempManager()
    const other = tempManager({ baseDir: join(manager.root, '..') })
    const file = other.file()
    await new Promise((resolve) => setImmediate(resolve)) // its leases are bound then
    const ended = craftSession(manager.root, { owner: { pid: await endedPid() } })
    const reused = craftSession(manager.root)
    const young = craftSession(manager.root)
    const untouched = agedFileSystem(() => [[new RegExp(`${reused.id}[^/]*/`), HOUR_MS]])
    const { items, errors } = await tempManager({ baseDir: join(manager.root, '..'), fs: untouched }).sweep()
    expect(errors).toEqual([])
    const actionOf = (part: string): string | undefined =>
      items.find(({ name }) => name.includes(part))?.action
    expect(actionOf(ended.id)).toBe('removed')
    expect(actionOf(reused.id)).toBe('removed')
    expect(actionOf(young.id), 'a full queue refuses too: not for three intervals').toBe('kept')
    expect(actionOf(String(other.sessionPath?.split('/').at(-1)))).toBe('kept')
    expect(lstatSync(file.path).isFile()).toBe(true)
  })
})
