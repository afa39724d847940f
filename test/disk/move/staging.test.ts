import nodeFs, { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { FileSystem } from '../../../src/disk/file-system.ts'
import {
  freeName,
  type Identity,
  type Journal,
  type Outside,
  Staging,
} from '../../../src/disk/move/staging.ts'
import { OpenDirectories } from '../../../src/disk/open-directories.ts'
import { tempBase } from '../../fixtures/temp-base.ts'

interface Scene {
  readonly base: string
  readonly journal: Journal
  readonly open: OpenDirectories
  /** The notes that the journal was given, in order. */
  readonly noted: (Outside | Identity | 'forgotten')[]
  make(fs?: FileSystem): Promise<Staging>
}

function scene(): Scene {
  const base = tempBase()
  const open = new OpenDirectories(nodeFs)
  onTestFinished(() => open.close())
  const noted: Scene['noted'] = []
  const journal: Journal = {
    note: (outside) => {
      noted.push(outside)
      return { identify: (entry) => void noted.push(entry), forget: () => void noted.push('forgotten') }
    },
  }
  const make = (fs: FileSystem = nodeFs): Promise<Staging> =>
    Staging.make({ fs, open, durable: false }, open.open(base, true), journal)
  return { base, journal, open, noted, make }
}

const failing = (call: 'mkdirSync' | 'rmdirSync', act: () => void): FileSystem => ({
  ...nodeFs,
  native: true,
  [call]: () => {
    act()
    throw Object.assign(new Error('EIO'), { code: 'EIO' })
  },
})

describe.skipIf(process.platform !== 'linux')('staging directories', () => {
  test('a staging directory is private under any umask, and its journal note names it and its holder', async () => {
    const { base, noted, make } = scene()
    // Under 0777 a new directory has mode 000, which only root can open: there an ordinary user's persist is refused.
    const before = process.umask(process.geteuid?.() === 0 ? 0o777 : 0o277)
    onTestFinished(() => void process.umask(before))
    await make()
    const [name = ''] = readdirSync(base)
    expect(statSync(join(base, name)).mode & 0o777).toBe(0o700)
    const { dev, ino } = statSync(base)
    expect(noted).toEqual([{ directory: base, holder: { dev, ino }, name, entry: undefined }])
  })

  test('a staging directory is noted before it is created', async () => {
    const { base, noted, make } = scene()
    let notes = 0
    const fs = failing('mkdirSync', () => {
      notes = noted.length
    })
    await expect(make(fs)).rejects.toThrow('EIO')
    expect(notes).toBe(1)
    expect(noted.at(-1)).toBe('forgotten')
    expect(readdirSync(base)).toEqual([])
  })

  test('a staging directory with a partial copy is removed, and its note is deleted', async () => {
    const { base, open, noted, make } = scene()
    const staging = await make()
    staging.identify()
    mkdirSync(`${open.pathOf(staging.spot.directory)}/data/sub`, { recursive: true })
    writeFileSync(`${open.pathOf(staging.spot.directory)}/data/sub/file`, 'x')
    await staging.remove()
    expect(readdirSync(base)).toEqual([])
    expect(noted.slice(1)).toEqual([expect.objectContaining({ ino: expect.any(Number) }), 'forgotten'])
  })

  test('a staging directory with an original that could not go back is kept with its note', async () => {
    const { base, open, noted, make } = scene()
    const staging = await make() // never identified: it holds no copy
    writeFileSync(`${open.pathOf(staging.spot.directory)}/data`, 'the only one')
    await staging.remove()
    expect(existsSync(join(base, readdirSync(base)[0] ?? '', 'data'))).toBe(true)
    expect(noted).toHaveLength(1)
  })
})

test('a free name is another one each time, and begins with .tmp', async () => {
  const { base, open } = scene()
  const holder = open.open(base, true)
  const names = await Promise.all(Array.from({ length: 20 }, () => freeName(open, holder)))
  expect(new Set(names).size).toBe(20)
  expect(names.every((name) => /^\.tmp-.{12,}$/.test(name))).toBe(true)
})
