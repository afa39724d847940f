import nodeFs from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { FileSystem } from '../../../src/disk/file-system.ts'
import { moveInto } from '../../../src/disk/move/move.ts'
import { placeOrCrossDevice, putBack } from '../../../src/disk/move/place.ts'
import { failureSync } from '../../fixtures/failures.ts'
import { away, base, home, KEEP, makeFile, makeTree, places, REPLACE } from './places.ts'

const {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} = nodeFs

const systemError = (code: string): Error => Object.assign(new Error(code), { code })

/** A file system without hard links; `before` runs where one would be made. */
function withoutLinks(before = (): void => {}): FileSystem {
  return {
    ...nodeFs,
    native: true,
    linkSync: () => {
      before()
      throw systemError('EPERM')
    },
  }
}

describe('placing', () => {
  places('the same device')

  test('placing on another device is left to the caller, and the source keeps its mode', () => {
    const source = makeFile()
    const other: FileSystem = {
      ...nodeFs,
      native: true,
      renameSync: () => {
        throw systemError('EXDEV')
      },
    }
    const route = { from: source, to: join(away, 'file'), label: 'file' }
    expect(placeOrCrossDevice(other, route, lstatSync(source), { overwrite: true, mode: 0o600 })).toBe(false)
    expect(statSync(source).mode & 0o777).toBe(0o640)
  })

  test('placing can be undone: the name, the contents and the mode are back', () => {
    const source = makeFile()
    const before = lstatSync(source)
    const placed = join(away, 'file')
    const route = { from: source, to: placed, label: placed }
    expect(placeOrCrossDevice(nodeFs, route, before, { overwrite: false, mode: 0o600 })).toBe(true)
    putBack(nodeFs, placed, source, before)
    expect(statSync(source)).toMatchObject({ ino: before.ino, mode: before.mode })
    expect(readdirSync(away)).toEqual([])
  })

  test('placing without hard links never replaces a file that is created after the check', () => {
    const source = makeFile()
    const to = join(away, 'file')
    const fs = withoutLinks(() => writeFileSync(to, 'of another program'))
    const route = { from: source, to, label: to }
    failureSync('ERR_TEMP_EXISTS', () => placeOrCrossDevice(fs, route, lstatSync(source), KEEP))
    expect(readFileSync(to, 'utf8')).toBe('of another program')
    expect(readFileSync(source, 'utf8')).toBe('content')
  })

  test.skipIf(process.platform === 'win32')('a directory that its owner cannot write keeps its mode', () => {
    const tree = makeTree()
    chmodSync(tree, 0o500)
    const to = join(away, 'tree')
    placeOrCrossDevice(nodeFs, { from: tree, to, label: to }, lstatSync(tree), KEEP)
    expect(statSync(to).mode & 0o777).toBe(0o500)
  })

  test('an empty directory that was to be replaced is still there after a failure', () => {
    const tree = makeTree()
    const to = join(away, 'empty')
    mkdirSync(to)
    const failing: FileSystem = {
      ...nodeFs,
      native: true,
      renameSync: () => {
        throw systemError('EIO')
      },
    }
    expect(() =>
      placeOrCrossDevice(failing, { from: tree, to, label: to }, lstatSync(tree), REPLACE),
    ).toThrow('EIO')
    expect([existsSync(to), existsSync(tree)]).toEqual([true, true])
  })

  test('a move onto another hard link of the same file leaves one name', async () => {
    const source = makeFile()
    linkSync(source, join(away, 'twin'))
    await moveInto(nodeFs, source, join(away, 'twin'), REPLACE)
    expect(existsSync(source)).toBe(false)
    expect(readFileSync(join(away, 'twin'), 'utf8')).toBe('content')
  })

  test('a move refuses the source itself as its destination, by any path, and a place inside it', async () => {
    const [file, tree] = [makeFile(), makeTree()]
    symlinkSync(home, join(base, 'detour'))
    for (const same of [file, join(base, 'detour/source')]) {
      await expect(moveInto(nodeFs, file, same, REPLACE)).rejects.toMatchObject({ code: 'ERR_TEMP_EXISTS' })
    }
    for (const options of [KEEP, REPLACE]) {
      await expect(moveInto(nodeFs, tree, join(tree, 'inside'), options)).rejects.toMatchObject({
        code: 'ERR_TEMP_IO',
      })
    }
    expect(readdirSync(tree)).not.toContain('inside')
    expect(readFileSync(file, 'utf8')).toBe('content')
  })

  test('a move works without hard links, and still refuses an existing destination', async () => {
    const noLinks = withoutLinks()
    await moveInto(noLinks, makeFile(), join(away, 'file'), KEEP)
    expect(readFileSync(join(away, 'file'), 'utf8')).toBe('content')
    await expect(moveInto(noLinks, makeFile(), join(away, 'file'), KEEP)).rejects.toMatchObject({
      code: 'ERR_TEMP_EXISTS',
    })
    expect(readdirSync(home)).toEqual(['source'])
  })
})
