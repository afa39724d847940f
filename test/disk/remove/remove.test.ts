import { execFileSync } from 'node:child_process'
import nodeFs from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createFsFromVolume, Volume } from 'memfs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { FileSystem } from '../../../src/disk/file-system.ts'
import {
  type RemoveReport,
  removeTree,
  removeTreeSliced,
  removeTreeSync,
} from '../../../src/disk/remove/remove.ts'
import { tempBase } from '../../fixtures/temp-base.ts'

const {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} = nodeFs

const isRoot = process.getuid?.() === 0
const NOBODY = 65534

let base: string
let tree: string
beforeEach(() => {
  base = tempBase()
  tree = join(base, 'tree')
  mkdirSync(tree)
})

const drivers: [string, (fs: FileSystem, path: string) => Promise<RemoveReport>][] = [
  ['removeTreeSync', async (fs, path) => removeTreeSync(fs, path)],
  ['removeTree', (fs, path) => removeTree(fs, path)],
  ['removeTreeSliced', (fs, path) => removeTreeSliced(fs, path)],
]

function complete(report: RemoveReport): RemoveReport {
  expect(report.errors).toEqual([])
  expect(report.kept).toEqual([])
  return report
}

/** Runs as an ordinary user, for whom modes mean something. Vitest's forks have a process of their own. */
async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  process.setegid?.(NOBODY)
  process.seteuid?.(NOBODY)
  try {
    return await work()
  } finally {
    process.seteuid?.(0)
    process.setegid?.(0)
  }
}

describe.each(drivers)('%s', (name, remove) => {
  test('removes a tree and counts what it removed', async () => {
    mkdirSync(join(tree, 'a/b/c'), { recursive: true })
    writeFileSync(join(tree, 'a/one'), 'x'.repeat(10))
    writeFileSync(join(tree, 'a/b/two'), 'x'.repeat(20))
    const report = complete(await remove(nodeFs, tree))
    expect(report).toMatchObject({ files: 2, directories: 4, bytes: name === 'removeTreeSync' ? 0 : 30 })
    expect(existsSync(tree)).toBe(false)
  })

  test('removes a single file, and finds nothing to do where nothing is', async () => {
    const file = join(base, 'file')
    writeFileSync(file, 'x')
    expect(complete(await remove(nodeFs, file)).files).toBe(1)
    expect(existsSync(file)).toBe(false)
    expect(complete(await remove(nodeFs, file))).toMatchObject({ files: 0, directories: 0 })
  })

  test('removes a symlink and never what it points at, wherever it stands and however it is named', async () => {
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

  test('removes FIFOs and sockets', async () => {
    execFileSync('mkfifo', [join(tree, 'fifo')])
    const server = net.createServer()
    await new Promise<void>((done) => server.listen(join(tree, 'socket'), done))
    expect(complete(await remove(nodeFs, tree)).files).toBe(2)
    await new Promise((done) => server.close(done))
  })

  test.runIf(isRoot)('removes a device node (needs root to make one)', async () => {
    execFileSync('mknod', [join(tree, 'null'), 'c', '1', '3'])
    expect(complete(await remove(nodeFs, tree)).files).toBe(1)
    expect(existsSync(tree)).toBe(false)
  })

  test('removes names that are not UTF-8, and the one whose name is what they read as', async () => {
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

  test('removes a tree whose paths are longer than the system takes', async () => {
    // 60 levels of 200 bytes are 12,000 bytes; made from inside, as a program could.
    const make = `for i in $(seq 60); do mkdir ${'d'.repeat(200)} && cd -P ${'d'.repeat(200)} && echo x > file; done`
    execFileSync('sh', ['-c', make], { cwd: tree, stdio: 'ignore', env: { PATH: process.env['PATH'] } })
    expect(complete(await remove(nodeFs, tree))).toMatchObject({ files: 60, directories: 61 })
    expect(readdirSync(base)).toEqual([])
  })

  test('removes files whose own path is too long, beside directories that are not', async () => {
    const long = 'f'.repeat(250)
    const make = `for i in $(seq 16); do mkdir ${'d'.repeat(250)} && cd -P ${'d'.repeat(250)} && echo x > ${long}; done`
    execFileSync('sh', ['-c', make], { cwd: tree, stdio: 'ignore', env: { PATH: process.env['PATH'] } })
    expect(complete(await remove(nodeFs, tree)).files).toBe(16)
    expect(readdirSync(base)).toEqual([])
  })

  test('removes two thousand levels', async () => {
    mkdirSync(join(tree, Array.from({ length: 1900 }, () => 'd').join('/')), { recursive: true })
    expect(complete(await remove(nodeFs, tree)).directories).toBe(1901)
  })

  test('one failing entry stops nothing else and is told, with the directories that must stay', async () => {
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

  test('looks again where a file became a directory, and a directory a file or a link', async () => {
    const outside = join(base, 'outside')
    mkdirSync(outside)
    writeFileSync(join(outside, 'precious'), 'x')
    for (const path of ['was-file', 'was-dir', 'was-dir-too']) writeFileSync(join(tree, path), 'x')
    // What the listing says is old: the entries are exchanged right after it was read.
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

  test('reads a directory again that somebody is still writing into, but not for ever', async () => {
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

  test('two at once on one tree both succeed, and together they removed it', async () => {
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

  describe.runIf(isRoot && process.platform === 'linux')('with mounts (needs root to mount)', () => {
    let mounted: string[]
    beforeEach(() => {
      mounted = []
    })
    afterEach(() => {
      for (const point of mounted.reverse()) execFileSync('umount', [point])
    })
    const bind = (from: string, to: string): void => {
      execFileSync('mount', ['--bind', from, to])
      mounted.push(to)
    }

    test('keeps and reports a bind mount inside, and the directories above it, and removes the rest', async () => {
      const outside = join(base, 'outside')
      mkdirSync(outside)
      writeFileSync(join(outside, 'precious'), 'x')
      mkdirSync(join(tree, 'a/mnt'), { recursive: true })
      writeFileSync(join(tree, 'a/file'), 'x')
      writeFileSync(join(tree, 'covered'), 'x')
      mkdirSync(join(tree, 'b'))
      bind(outside, join(tree, 'a/mnt'))
      bind(join(outside, 'precious'), join(tree, 'covered'))
      const report = await remove(nodeFs, tree)
      expect(report.errors).toEqual([])
      expect(report.kept.map((kept) => kept.path).sort()).toEqual([
        join(tree, 'a/mnt'),
        join(tree, 'covered'),
      ])
      expect(report.kept[0]?.reason).toContain('mount point')
      expect(readdirSync(outside)).toEqual(['precious'])
      expect(readdirSync(tree).sort()).toEqual(['a', 'covered'])
      expect(readdirSync(join(tree, 'a'))).toEqual(['mnt'])
    })

    test('keeps a tree that is itself a mount point', async () => {
      const outside = join(base, 'outside')
      mkdirSync(outside)
      writeFileSync(join(outside, 'precious'), 'x')
      bind(outside, tree)
      const report = await remove(nodeFs, tree)
      expect(report.kept.map((kept) => kept.path)).toEqual([tree])
      expect(readdirSync(outside)).toEqual(['precious'])
    })

    test('knows a mount whose tree is named through a symlinked directory', async () => {
      const outside = join(base, 'outside')
      mkdirSync(outside)
      writeFileSync(join(outside, 'precious'), 'x')
      mkdirSync(join(tree, 'mnt'))
      bind(outside, join(tree, 'mnt'))
      symlinkSync(base, join(base, 'detour'))
      const report = await remove(nodeFs, join(base, 'detour/tree'))
      expect(report.kept.map((kept) => kept.path)).toEqual([join(base, 'detour/tree/mnt')])
      expect(readdirSync(outside)).toEqual(['precious'])
    })
  })

  test.runIf(isRoot)(
    'opens up directories without permissions (needs root to become an ordinary user)',
    async () => {
      chmodSync(base, 0o755)
      const own = (path: string, mode: number): void => {
        chownSync(path, NOBODY, NOBODY)
        chmodSync(path, mode)
      }
      for (const [dir, mode] of [
        ['r-x', 0o500],
        ['none', 0o000],
        ['rw-', 0o600],
        ['-wx', 0o300],
      ] as const) {
        mkdirSync(join(tree, dir, 'sub/deeper'), { recursive: true })
        writeFileSync(join(tree, dir, 'file'), 'x', { mode: 0o000 })
        writeFileSync(join(tree, dir, 'sub/file'), 'x')
        for (const path of ['sub/deeper', 'sub', 'file', 'sub/file'])
          own(join(tree, dir, path), path.endsWith('file') ? 0 : mode)
        own(join(tree, dir), mode)
      }
      // Nothing in it but a directory, so that the first refusal comes from below.
      mkdirSync(join(tree, 'bare/sub'), { recursive: true })
      own(join(tree, 'bare/sub'), 0o000)
      own(join(tree, 'bare'), 0o600)
      own(tree, 0o500)
      chownSync(base, NOBODY, NOBODY)
      const report = await asNobody(() => remove(nodeFs, tree))
      expect(complete(report)).toMatchObject({ files: 8, directories: 15 })
      expect(existsSync(tree)).toBe(false)
    },
  )

  test.runIf(isRoot)(
    "reports what another user's directory does not let go (needs root to become an ordinary user)",
    async () => {
      chmodSync(base, 0o755)
      chownSync(tree, NOBODY, NOBODY)
      mkdirSync(join(tree, 'theirs'), { mode: 0o755 })
      writeFileSync(join(tree, 'theirs/file'), 'x')
      writeFileSync(join(tree, 'ours'), 'x')
      const report = await asNobody(() => remove(nodeFs, tree))
      expect(report.errors).toMatchObject([{ path: join(tree, 'theirs/file'), error: { code: 'EACCES' } }])
      expect(report.files).toBe(1)
      expect(statSync(join(tree, 'theirs')).mode & 0o777).toBe(0o755)
      expect(readFileSync(join(tree, 'theirs/file'), 'utf8')).toBe('x')
    },
  )

  test('removes on an injected file system', async () => {
    const memory: FileSystem = createFsFromVolume(
      Volume.fromJSON({ '/t/a/b': 'x', '/t/c': 'xy', '/other': 'x' }),
    )
    memory.mkdirSync('/t/empty', { mode: 0o700 })
    expect(complete(await remove(memory, '/t'))).toMatchObject({ files: 2, directories: 3 })
    expect(memory.readdirSync('/')).toEqual(['other'])
  })

  // The exit hook may take its time; the others share the loop with a program.
  if (name !== 'removeTreeSync')
    test('removes five thousand files in one directory, off the loop or in slices', async () => {
      for (let i = 0; i < 5000; i++) nodeFs.closeSync(nodeFs.openSync(`${tree}/tmp-${i}`, 'w'))
      const delay = monitorEventLoopDelay({ resolution: 5 })
      delay.enable()
      const report = await remove(nodeFs, tree)
      delay.disable()
      expect(complete(report)).toMatchObject({ files: 5000, directories: 1 })
      console.log(`${name}: 5,000 files, loop held at most ${(delay.max / 1e6).toFixed(0)} ms`)
    })
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

describe.each(drivers.slice(1))('%s', (name) => {
  const remove = name === 'removeTree' ? removeTree : removeTreeSliced

  test('stops when aborted, and can be done again', async () => {
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
