import nodeFs, {
  lstatSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import type { FileSystem } from '../../../src/disk/file-system.ts'
import { performAsync, performSync } from '../../../src/disk/remove/drivers.ts'
import { removeTree, removeTreeSliced } from '../../../src/disk/remove/remove.ts'
import { tempBase } from '../../fixtures/temp-base.ts'
import { complete, DRIVERS } from './all-drivers.ts'

let tree: string
beforeEach(() => {
  tree = join(tempBase(), 'tree')
  mkdirSync(tree)
})

test.skipIf(process.platform === 'win32').each([
  ['synchronously', async (path: string) => performSync(nodeFs, { kind: 'open up', path })],
  ['in the thread pool', (path: string) => performAsync(nodeFs, { kind: 'open up', path })],
])('the step that opens up a directory never changes the target of a link, %s', async (_, openUp) => {
  const [closed, link] = [join(tree, 'closed'), join(tree, 'link')]
  const target = join(tempBase(), 'target')
  for (const path of [closed, target]) mkdirSync(path, { mode: 0o500 })
  symlinkSync(target, link)
  for (const path of [closed, link]) await openUp(path)
  expect([statSync(closed).mode & 0o777, statSync(target).mode & 0o777]).toEqual([0o700, 0o500])
})

test('removeTreeSliced unlinks large files away from the loop, and counts them', async () => {
  const offLoop: string[] = []
  const watched: FileSystem = {
    ...nodeFs,
    promises: {
      ...nodeFs.promises,
      unlink: async (path) => {
        offLoop.push(String(path))
        await nodeFs.promises.unlink(path)
      },
    },
  }
  const large = ['l1', 'l2', 'l3', 'l4'].map((name) => join(tree, name))
  for (const path of large) {
    writeFileSync(path, '')
    truncateSync(path, 17 * 1024 * 1024)
  }
  writeFileSync(join(tree, 'small'), 'x')
  const report = complete(await removeTreeSliced(watched, tree))
  expect(offLoop.sort()).toEqual(large)
  expect(report).toMatchObject({ files: 5, bytes: 4 * 17 * 1024 * 1024 + 1 })
})

test('removeTree makes no synchronous call', async () => {
  mkdirSync(join(tree, 'sub'))
  writeFileSync(join(tree, 'sub/file'), 'x')
  const sync: string[] = []
  const watched = new Proxy<FileSystem>(nodeFs, {
    get: (target, key, receiver) => {
      if (typeof key === 'string' && key.endsWith('Sync')) sync.push(key)
      return Reflect.get(target, key, receiver)
    },
  })
  complete(await removeTree(watched, tree))
  expect(sync).toEqual([])
})

describe.each(DRIVERS.slice(1))('%s', (_name, remove) => {
  test('a removal stops when aborted, and can be repeated', async () => {
    for (let i = 0; i < 50; i++) mkdirSync(join(tree, `d${i}`))
    const controller = new AbortController()
    let removed = 0
    const stop = (): void => {
      if (++removed === 5) controller.abort(new Error('enough'))
    }
    const watched: FileSystem = {
      ...nodeFs,
      rmdirSync: (path) => {
        nodeFs.rmdirSync(path)
        stop()
      },
      promises: {
        ...nodeFs.promises,
        rmdir: async (path) => {
          await nodeFs.promises.rmdir(path)
          stop()
        },
      },
    }
    await expect(remove(watched, tree, { signal: controller.signal })).rejects.toMatchObject({
      code: 'ERR_TEMP_ABORTED',
      cause: new Error('enough'),
    })
    expect(lstatSync(tree).isDirectory()).toBe(true)
    expect(readdirSync(tree)).toHaveLength(45)
    complete(await remove(nodeFs, tree))
  })
})
