import { execFileSync } from 'node:child_process'
import nodeFs from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createFsFromVolume, Volume } from 'memfs'
import { describe, expect, test } from 'vitest'
import type { FileSystem } from '../../../src/disk/file-system.ts'
import type { RemoveReport } from '../../../src/disk/remove/remove.ts'
import { base, complete, DRIVERS, freshTree, tree } from './all-drivers.ts'

const { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } = nodeFs

const isRoot = process.getuid?.() === 0

freshTree()

describe.each(DRIVERS)('%s', (name, remove) => {
  test('a removal removes a tree and counts the removed entries', async () => {
    mkdirSync(join(tree, 'a/b/c'), { recursive: true })
    writeFileSync(join(tree, 'a/one'), 'x'.repeat(10))
    writeFileSync(join(tree, 'a/b/two'), 'x'.repeat(20))
    const report = complete(await remove(nodeFs, tree))
    expect(report).toMatchObject({ files: 2, directories: 4, bytes: name === 'removeTreeSync' ? 0 : 30 })
    expect(existsSync(tree)).toBe(false)
  })

  test('a removal removes a single file, and succeeds where nothing exists', async () => {
    const file = join(base, 'file')
    writeFileSync(file, 'x')
    expect(complete(await remove(nodeFs, file)).files).toBe(1)
    expect(existsSync(file)).toBe(false)
    expect(complete(await remove(nodeFs, file))).toMatchObject({ files: 0, directories: 0 })
  })

  test('a removal removes a symlink and never its target, in a tree and at its top', async () => {
    const outside = join(base, 'outside')
    mkdirSync(outside)
    writeFileSync(join(outside, 'precious'), 'x')
    symlinkSync(outside, join(tree, 'link'))
    symlinkSync('/nowhere', join(tree, 'dangling'))
    const top = join(base, 'top-link')
    symlinkSync(outside, top)
    expect(complete(await remove(nodeFs, tree)).files).toBe(2)
    expect(complete(await remove(nodeFs, `${top}/`)).files).toBe(1)
    expect(readdirSync(outside)).toEqual(['precious'])
  })

  test('a removal removes FIFOs and sockets', async () => {
    execFileSync('mkfifo', [join(tree, 'fifo')])
    const server = net.createServer()
    await new Promise<void>((done) => server.listen(join(tree, 'socket'), done))
    expect(complete(await remove(nodeFs, tree)).files).toBe(2)
    await new Promise((done) => server.close(done))
  })

  test.runIf(isRoot)('a removal removes a device node (needs root to make one)', async () => {
    execFileSync('mknod', [join(tree, 'null'), 'c', '1', '3'])
    expect(complete(await remove(nodeFs, tree)).files).toBe(1)
    expect(existsSync(tree)).toBe(false)
  })

  test('a removal removes names that are not UTF-8, and a name that equals their decoded form', async () => {
    const bytes = (...tail: number[]): Buffer => Buffer.concat([Buffer.from(`${tree}/n`), Buffer.from(tail)])
    writeFileSync(bytes(0xff), 'x')
    writeFileSync(bytes(0xfe), 'x')
    writeFileSync(join(tree, 'n\ufffd'), 'x')
    mkdirSync(bytes(0xc3))
    writeFileSync(Buffer.concat([bytes(0xc3), Buffer.from('/f'), Buffer.from([0x80])]), 'x')
    mkdirSync(Buffer.concat([bytes(0xc3), Buffer.from('/plain')]))
    expect(complete(await remove(nodeFs, tree))).toMatchObject({ files: 4, directories: 3 })
    expect(existsSync(tree)).toBe(false)
  })

  test('a removal removes two thousand levels of directories', async () => {
    // mkdir(1) changes into each level; node's walks the whole path for each.
    execFileSync('mkdir', ['-p', join(tree, 'd/'.repeat(1900))])
    expect(complete(await remove(nodeFs, tree)).directories).toBe(1901)
  })

  test('one failing entry stops nothing else and is reported, and the directories above it stay', async () => {
    for (const path of ['good', 'bad/inner', 'last']) mkdirSync(join(tree, path), { recursive: true })
    for (const path of ['good/f', 'bad/f', 'bad/inner/stuck', 'last/f']) writeFileSync(join(tree, path), 'x')
    const fault = Object.assign(new Error('EIO'), { code: 'EIO' })
    const stuck = join(tree, 'bad/inner/stuck')
    const faulty: FileSystem = {
      ...nodeFs,
      unlinkSync: (path) => {
        if (path === stuck) throw fault
        nodeFs.unlinkSync(path)
      },
      promises: {
        ...nodeFs.promises,
        unlink: (path) => (path === stuck ? Promise.reject(fault) : nodeFs.promises.unlink(path)),
      },
    }
    const report = await remove(faulty, tree)
    expect(report.errors).toEqual([{ path: stuck, error: fault }])
    expect(report).toMatchObject({ files: 3, directories: 2 })
    expect(readdirSync(tree, { recursive: true }).sort()).toEqual(['bad', 'bad/inner', 'bad/inner/stuck'])
    expect(complete(await remove(nodeFs, tree)).files).toBe(1)
  })

  test('a removal examines an entry again where a file became a directory, or a directory a file', async () => {
    const outside = join(base, 'outside')
    mkdirSync(outside)
    writeFileSync(join(outside, 'precious'), 'x')
    for (const path of ['was-file', 'was-dir', 'was-dir-too']) writeFileSync(join(tree, path), 'x')
    // The listing is old: the entries are exchanged right after it was read.
    let exchanged = false
    const exchange = <T>(entries: T): T => {
      if (!exchanged) {
        exchanged = true
        rmSync(join(tree, 'was-file'))
        mkdirSync(join(tree, 'was-file'))
        writeFileSync(join(tree, 'was-file/inner'), 'x')
        rmSync(join(tree, 'was-dir'), { recursive: true })
        writeFileSync(join(tree, 'was-dir'), 'x')
      }
      return entries
    }
    rmSync(join(tree, 'was-dir'))
    mkdirSync(join(tree, 'was-dir'))
    const shifting: FileSystem = {
      ...nodeFs,
      readdirSync: (path: string, options?: object) => exchange(nodeFs.readdirSync(path, options)),
      promises: {
        ...nodeFs.promises,
        readdir: async (path: string, options?: object) =>
          exchange(await nodeFs.promises.readdir(path, options)),
      },
    }
    complete(await remove(shifting, tree))
    expect(exchanged).toBe(true)
    expect(existsSync(tree)).toBe(false)
    expect(readdirSync(outside)).toEqual(['precious'])
  })

  test('a removal reads a directory again that another process still writes to, but not without end', async () => {
    let written = 0
    const racing = (limit: number): FileSystem => ({
      ...nodeFs,
      rmdirSync: (path) => {
        if (written++ < limit) writeFileSync(`${path}/late-${written}`, 'x')
        nodeFs.rmdirSync(path)
      },
      promises: {
        ...nodeFs.promises,
        rmdir: (path) => {
          if (written++ < limit) writeFileSync(`${path}/late-${written}`, 'x')
          return nodeFs.promises.rmdir(path)
        },
      },
    })
    const endless = await remove(racing(Number.POSITIVE_INFINITY), tree)
    expect(endless.errors).toMatchObject([{ path: tree, error: { code: 'ENOTEMPTY' } }])
    written = 0
    expect(complete(await remove(racing(3), tree)).directories).toBe(1)
  })

  test('two concurrent removals of one tree both succeed, and together they removed it', async () => {
    for (let d = 0; d < 20; d++) {
      mkdirSync(join(tree, `d${d}`))
      for (let f = 0; f < 20; f++) writeFileSync(join(tree, `d${d}`, `f${f}`), 'x')
    }
    const script = `rm -rf '${tree}'`
    const other = import('node:child_process').then(({ spawn }) => {
      const child = spawn('sh', ['-c', script], { stdio: 'ignore' })
      return new Promise((done) => child.on('exit', done))
    })
    const reports = await Promise.all([remove(nodeFs, tree), remove(nodeFs, tree), other])
    for (const report of reports.slice(0, 2) as RemoveReport[]) complete(report)
    expect(existsSync(tree)).toBe(false)
  })

  test('a removal works on an injected file system', async () => {
    const memory: FileSystem = createFsFromVolume(
      Volume.fromJSON({ '/t/a/b': 'x', '/t/c': 'xy', '/other': 'x' }),
    )
    memory.mkdirSync('/t/empty', { mode: 0o700 })
    expect(complete(await remove(memory, '/t'))).toMatchObject({ files: 2, directories: 3 })
    expect(memory.readdirSync('/')).toEqual(['other'])
  })

  // The exit hook may take its time; the others share the loop with a program.
  if (name !== 'removeTreeSync')
    test('a removal off the loop or in slices removes five thousand files in one directory', async () => {
      for (let i = 0; i < 5000; i++) nodeFs.closeSync(nodeFs.openSync(`${tree}/tmp-${i}`, 'w'))
      const delay = monitorEventLoopDelay({ resolution: 5 })
      delay.enable()
      const report = await remove(nodeFs, tree)
      delay.disable()
      expect(complete(report)).toMatchObject({ files: 5000, directories: 1 })
      console.log(`${name}: 5,000 files, loop held at most ${(delay.max / 1e6).toFixed(0)} ms`)
    })
})
