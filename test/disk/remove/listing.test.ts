import fs, { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { DiskEntry, FileSystem } from '../../../src/disk/file-system.ts'
import {
  type EmptyOperation,
  emptied,
  isForUnlink,
  pieces,
  piecesAsync,
} from '../../../src/disk/remove/listing.ts'
import { tempBase } from '../../fixtures/temp-base.ts'

const operationOn = (path: string, more: Partial<EmptyOperation> = {}): EmptyOperation => ({
  kind: 'empty',
  path,
  label: path,
  asBytes: false,
  mounts: new Set(),
  size: undefined,
  ...more,
})
const LARGE = 64 * 1024

function directoryOf(count: number): string {
  const base = tempBase()
  for (let n = 0; n < count; n++) writeFileSync(join(base, `f${n}`), '')
  return base
}

async function collected(list: Iterable<DiskEntry[]> | AsyncIterable<DiskEntry[]>): Promise<string[][]> {
  const found: string[][] = []
  for await (const piece of list) found.push(piece.map(({ name }) => String(name)))
  return found
}

describe.each([
  ['on the loop', (operation: EmptyOperation, on: FileSystem = fs) => collected(pieces(on, operation))],
  [
    'through the thread pool',
    (operation: EmptyOperation, on: FileSystem = fs) => collected(piecesAsync(on, operation)),
  ],
] as const)('a directory read %s', (_, read) => {
  test('a small directory is read in one piece', async () => {
    const found = await read(operationOn(directoryOf(5)))
    expect(found.map((piece) => piece.length)).toEqual([5])
  })

  test('a large directory is read in pieces of at most 512 entries, each entry once', async () => {
    const found = await read(operationOn(directoryOf(1100), { size: LARGE }))
    expect(Math.max(...found.map((piece) => piece.length))).toBe(512)
    expect(new Set(found.flat()).size).toBe(1100)
    expect(found.flat()).toHaveLength(1100)
  })

  test('the reading of a directory that does not exist throws the error of the system', async () => {
    await expect(read(operationOn(join(tempBase(), 'none')))).rejects.toThrow(
      expect.objectContaining({ code: 'ENOENT' }),
    )
  })

  test('a directory is closed after a failure in the middle of its reading', async () => {
    let [opened, closed] = [0, 0]
    const directory = {
      readSync: () => {
        throw new Error('EIO')
      },
      read: () => Promise.reject(new Error('EIO')),
      closeSync: () => void closed++,
      close: async () => void closed++,
    }
    const open = () => {
      opened++
      return directory
    }
    const broken = {
      ...fs,
      opendirSync: open,
      promises: { ...fs.promises, opendir: async () => open() },
    } as unknown as FileSystem // a directory that fails to be read
    await expect(read(operationOn('/x', { size: LARGE }), broken)).rejects.toThrow('EIO')
    expect([opened, closed]).toEqual([1, 1])
  })
})

describe('entries of an emptied directory', () => {
  const entries = (base: string): DiskEntry[] => [...pieces(fs, operationOn(base))].flat()

  test('an entry to remove is unlinked unless it is a directory; a link to a directory is not one', () => {
    const base = tempBase()
    mkdirSync(join(base, 'directory'))
    symlinkSync('directory', join(base, 'link'))
    writeFileSync(join(base, 'file'), '')
    const found = emptied()
    const unlinked = entries(base).filter((entry) => isForUnlink(entry, operationOn(base), found))
    expect(unlinked.map(({ name }) => name).sort()).toEqual(['file', 'link'])
    expect(found.directories).toEqual(['directory'])
  })

  test('an entry to remove is kept when it is a mount point, be it a file or a directory', () => {
    const base = tempBase()
    mkdirSync(join(base, 'mounted'))
    writeFileSync(join(base, 'bound'), '')
    const mounts = new Set([join(base, 'mounted'), join(base, 'bound')])
    const found = emptied()
    const unlinked = entries(base).filter((entry) => isForUnlink(entry, operationOn(base, { mounts }), found))
    expect(unlinked).toEqual([])
    expect(found.directories).toEqual([])
    expect(found.mountPoints.sort()).toEqual([...mounts].sort())
  })

  test('an entry to remove whose name may not be UTF-8 is left for a second reading, as bytes', () => {
    const base = tempBase()
    writeFileSync(join(base, '\ufffd'), '')
    const found = emptied()
    const [entry] = entries(base)
    if (entry === undefined) throw new Error('The directory is empty.')
    expect(isForUnlink(entry, operationOn(base), found)).toBe(false)
    expect(found.undecoded).toBe(true)
    expect(isForUnlink(entry, operationOn(base, { asBytes: true }), emptied())).toBe(true)
  })
})
