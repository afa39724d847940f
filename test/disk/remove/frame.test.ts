import nodeFs, { mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { OpenDirectories } from '../../../src/disk/open-directories.ts'
import { contentAddress, frameOf, nameAddress, type Tree } from '../../../src/disk/remove/frame.ts'
import { tempBase } from '../../fixtures/temp-base.ts'

function treeAt(top: string): Tree {
  const open = new OpenDirectories(nodeFs)
  onTestFinished(() => open.close())
  const report = { files: 0, directories: 0, bytes: 0, kept: [], errors: [] }
  return { top, mounts: new Set(), blind: false, report, open, device: undefined }
}

describe('frames', () => {
  test('a frame of a private directory is addressed by its path', () => {
    const top = tempBase()
    const tree = treeAt(top)
    const frame = frameOf('a', frameOf('top', undefined, top), join(top, 'a'))
    expect([nameAddress(tree, frame), contentAddress(tree, frame)]).toEqual([join(top, 'a'), join(top, 'a')])
  })

  test.skipIf(process.platform !== 'linux')(
    'a frame below an opened directory is addressed by its descriptor, even if another one takes its name',
    () => {
      const top = tempBase()
      mkdirSync(join(top, 'shared/a'), { recursive: true })
      writeFileSync(join(top, 'shared/a/inside'), '')
      const tree = treeAt(top)
      const shared = frameOf('shared', undefined, join(top, 'shared'))
      shared.directory = tree.open.open(join(top, 'shared'))
      const frame = frameOf('a', shared, join(top, 'shared/a'))
      renameSync(join(top, 'shared'), join(top, 'aside'))
      mkdirSync(join(top, 'shared/a'), { recursive: true })
      expect(readdirSync(nameAddress(tree, frame))).toEqual(['inside'])
      expect(readdirSync(contentAddress(tree, frame))).toEqual(['inside'])
      expect(readdirSync(contentAddress(tree, shared))).toEqual(['a'])
    },
  )

  test('a frame keeps a name that is not UTF-8 as bytes', () => {
    const top = tempBase()
    const name = Buffer.from([0x66, 0xff])
    const frame = frameOf(name, undefined, Buffer.concat([Buffer.from(`${top}/`), name]))
    expect(nameAddress(treeAt(top), frame)).toEqual(Buffer.concat([Buffer.from(`${top}/`), name]))
  })
})
