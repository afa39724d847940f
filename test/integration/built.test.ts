// The package as it is built: what comes with an import, what a file costs the kernel, that an import and a require give one
// copy, and that this copy and the ES modules of a bundle in one process are one library.

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type * as Library from '../../src/index.ts'
import { entryPoints } from '../docs/entry-points.ts'
import { builtPackage } from '../fixtures/built.ts'
import { tempBase } from '../fixtures/temp-base.ts'

const canTrace = spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status === 0
const program = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/children/${name}`, import.meta.url))
const project = fileURLToPath(new URL('../..', import.meta.url))

let built: string
beforeAll(async () => {
  built = await builtPackage()
})

/** Lines of a trace between the markers, as [thread, call, arguments]. */
function traced(calls: string, args: string[]): { tid: string; call: string; rest: string }[] {
  const output = join(tempBase(), 'trace')
  execFileSync(
    'strace',
    ['-f', '-qq', '-e', `trace=${calls}`, '-e', 'signal=none', '-o', output, process.execPath, ...args],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  )
  const lines = readFileSync(output, 'utf8').split('\n')
  const [begin, end] = ['begin', 'end'].map((name) =>
    lines.findIndex((line) => line.includes(`/marker-${name}`)),
  )
  return lines.slice((begin ?? 0) + 1, end).flatMap((line) => {
    const match = /^(\d+) +(\w+)\((.*)$/.exec(line)
    return match === null ? [] : [{ tid: match[1] ?? '', call: match[2] ?? '', rest: match[3] ?? '' }]
  })
}

describe.each(['import', 'require'] as const)('%s of the package', (way) => {
  const load = (use: string): Record<string, unknown> =>
    JSON.parse(
      execFileSync(process.execPath, [program('loads.mjs'), built, way, use], {
        encoding: 'utf8',
        env: { ...process.env, BASE: tempBase() },
      }),
    )

  /** The JSON that a program prints, in a process of its own that may open few files. */
  const evaluate = (source: string): unknown => {
    const [ending, loading] =
      way === 'import'
        ? ['mjs', `import { TempFileManager } from ${JSON.stringify(join(built, 'index.js'))}`]
        : ['cjs', `const { TempFileManager } = require(${JSON.stringify(join(built, 'index.cjs'))})`]
    const base = tempBase()
    const file = join(base, `program.${ending}`)
    writeFileSync(file, `${loading}\nconst baseDir = ${JSON.stringify(base)}\n${source}`)
    const given = ['-c', 'ulimit -n 100; exec "$@"', 'sh', process.execPath, file]
    return JSON.parse(execFileSync('sh', given, { encoding: 'utf8' }))
  }

  test('loading the package adds no listener, holds nothing open, patches nothing, and loads no other package', () => {
    expect(load('no')).toEqual({ listeners: 0, resources: [], untouched: true, packages: [] })
  })

  test('the code that is loaded is ASCII: V8 takes a tenth longer to load a file that is not', () => {
    const files = readdirSync(built, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith(way === 'import' ? '.js' : '.cjs'),
    )
    expect(files).toContain(way === 'import' ? 'esm/index.js' : 'index.cjs')
    const other = files.filter((name) => readFileSync(join(built, name)).some((byte) => byte > 127))
    expect(other.filter((name) => !name.startsWith('cli/'))).toEqual([])
  })

  test('the package and its first file load neither tmp nor fs-extra nor proper-lockfile', () => {
    const { packages, untouched } = load('use')
    for (const late of ['tmp', 'fs-extra', 'proper-lockfile', 'graceful-fs', 'signal-exit', 'file-type'])
      expect(packages).not.toContain(late)
    expect(untouched).toBe(true)
  })

  test('the package and a file that is created and removed load no node:stream, node:crypto or node:net', () => {
    expect(
      evaluate(`new TempFileManager({ baseDir }).file().removeSync()
        const late = ['stream', 'crypto', 'net', 'worker_threads', 'timers/promises']
        const loaded = late.filter((name) => process.moduleLoadList.includes('NativeModule ' + name))
        process.getBuiltinModule('node:fs').writeSync(1, JSON.stringify(loaded))`),
    ).toEqual([])
  })

  test('close() waits for a call whose code is still being loaded', () => {
    expect(
      evaluate(`const ended = []
        const manager = new TempFileManager({ baseDir })
        manager.claim('0'.repeat(26)).catch(({ code }) => ended.push(code))
        manager.close().then(() => console.log(JSON.stringify([...ended, 'closed'])))`),
    ).toEqual(['ERR_TEMP_CLOSED', 'closed'])
  })

  test('code that could not be loaded for lack of descriptors is loaded by a later call', () => {
    expect(
      evaluate(`const { openSync, closeSync } = process.getBuiltinModule('node:fs')
        const opened = []
        const manager = new TempFileManager({ baseDir })
        const codeOf = () => manager.claim('0'.repeat(26)).catch(({ code }) => code)
        try {
          for (;;) opened.push(openSync('/dev/null'))
        } catch {}
        codeOf().then(async (first) => {
          for (const fd of opened) closeSync(fd)
          const second = await codeOf()
          await manager.close()
          console.log(JSON.stringify([first, second]))
        })`),
    ).toEqual(['ERR_TEMP_IO', 'ERR_TEMP_HANDOFF_GONE'])
  })

  test('a package that could not be loaded for lack of descriptors is loaded by a later call', () => {
    // A GIF, whose type the package file-type detects.
    expect(
      evaluate(`const { openSync, closeSync } = process.getBuiltinModule('node:fs')
        const opened = []
        const manager = new TempFileManager({ baseDir })
        const checked = { name: 'a.gif', accept: { extensions: ['.gif'] } }
        const codeOf = () => manager.receive('GIF89a', checked).then(() => 'fine', ({ code, message }) => code + message)
        manager.receive('').then(async () => {
          try {
            for (;;) opened.push(openSync('/dev/null'))
          } catch {}
          for (const fd of opened.splice(0, 3)) closeSync(fd)
          const first = await codeOf()
          for (const fd of opened) closeSync(fd)
          const second = await codeOf()
          await manager.close()
          console.log(JSON.stringify([first, second]))
        })`),
    ).toEqual([expect.stringMatching(/^ERR_TEMP_IO.*the system reported EMFILE/), 'fine'])
  })

  test('before the loop turns: directories, exact names, limits with units, scopes, streams and persistSync work', () => {
    expect(
      evaluate(`const { existsSync, mkdirSync, readFileSync, writeFileSync, writeSync } = process.getBuiltinModule('node:fs')
        const manager = new TempFileManager({ baseDir, limits: { fileBytes: '5mb' } })
        const dir = manager.dir()
        mkdirSync(dir.join('a'))
        writeFileSync(dir.join('a', 'b'), 'x')
        dir.removeSync()
        const file = manager.file({ name: 'report.txt' })
        writeFileSync(file.path, 'kept')
        file.persistSync(baseDir + '/kept.txt')
        const scope = manager.scope()
        const inScope = scope.file('.txt')
        const { readable } = manager.file().createReadStream()
        let hint
        try {
          new TempFileManager({ baseDri: baseDir })
        } catch ({ message }) {
          hint = message
        }
        manager.closeSync()
        writeSync(1, JSON.stringify([
          existsSync(dir.path), readFileSync(baseDir + '/kept.txt', 'utf8'), inScope.path.endsWith('.txt'), readable, hint,
        ]))`),
    ).toEqual([false, 'kept', true, true, expect.stringContaining('Did you mean baseDir?')])
  })

  test.skipIf(!canTrace)('loading the package reads its own code and changes nothing on the disk', () => {
    const calls = traced('%file,%network', [program('loads.mjs'), built, way, 'no'])
    expect(calls.length).toBeGreaterThan(3)
    const reading = new Set([
      'openat',
      'open',
      'stat',
      'lstat',
      'newfstatat',
      'statx',
      'readlink',
      'access',
      'getcwd',
      'getsockname',
      'getsockopt',
    ])
    for (const { call, rest } of calls) {
      expect(reading, `${call}(${rest}`).toContain(call)
      expect(rest, `${call}(${rest}`).not.toMatch(/O_WRONLY|O_RDWR|O_CREAT/)
      const path = /"([^"]*)"/.exec(rest)?.[1] ?? project
      // Node looks for package.json in every directory up to the root, and V8 (Node 26) for the number of CPUs.
      const lookedUp =
        path.endsWith('/package.json') ||
        project.startsWith(path) ||
        path.startsWith('/sys/devices/system/cpu')
      expect(path.startsWith(project) || lookedUp, `${call}(${rest}`).toBe(true)
    }
  })
})

describe.each(['import', 'require'] as const)('what is loaded when it is used, by %s', (way) => {
  /** What a program prints with `print`, in a process of its own. */
  const printedBy = (source: string): unknown => {
    const base = tempBase()
    const [ending, start] =
      way === 'import'
        ? [
            'mjs',
            `import { TempFileManager } from ${JSON.stringify(join(built, 'index.js'))}
            const require = process.getBuiltinModule('node:module').createRequire(import.meta.url)`,
          ]
        : ['cjs', `const { TempFileManager } = require(${JSON.stringify(join(built, 'index.cjs'))})`]
    const file = join(base, `program.${ending}`)
    writeFileSync(
      file,
      `${start}
      const fs = process.getBuiltinModule('node:fs')
      const loaded = () => Object.keys(require.cache).filter((path) => path !== ${JSON.stringify(file)}).length
      const print = (value) => fs.writeSync(1, JSON.stringify(value))
      const manager = new TempFileManager({ baseDir: ${JSON.stringify(base)} })
      ${source}`,
    )
    const given = ['-c', 'ulimit -n 100; exec "$@"', 'sh', process.execPath, file]
    return JSON.parse(execFileSync('sh', given, { encoding: 'utf8' }))
  }

  test('a program that creates, writes and removes files loads two CommonJS files: the entry and the core', () => {
    expect(
      printedBy(`for (const file of [manager.file(), manager.file('.txt')]) {
          fs.writeFileSync(file.path, 'x')
          file.removeSync()
        }
        manager.file()[Symbol.dispose]()
        manager.closeSync()
        print(loaded())`),
    ).toBe(2)
  })

  test('what removes directories is one file more; so is what reads sizes and durations', () => {
    expect(
      printedBy(`const counts = []
        manager.dir().removeSync()
        counts.push(loaded())
        new TempFileManager({ sweep: { every: '1h' } })
        counts.push(loaded())
        manager.closeSync()
        print(counts)`),
    ).toEqual([3, 4])
  })

  test('code that cannot be loaded for lack of descriptors is a typed error, and loaded by the next call', () => {
    expect(
      printedBy(`const opened = []
        manager.file().removeSync()
        try {
          for (;;) opened.push(fs.openSync('/dev/null'))
        } catch {}
        let code
        try {
          manager.dir()
        } catch (error) {
          code = error.code
        }
        for (const fd of opened) fs.closeSync(fd)
        const dir = manager.dir()
        print([code, fs.existsSync(dir.path)])
        manager.closeSync()`),
    ).toEqual(['ERR_TEMP_IO', true])
  })

  test('a file that is left to the exit is removed with its session', () => {
    const path = printedBy(`const left = manager.file('.txt')
      fs.writeFileSync(left.path, 'x')
      print(left.path)`)
    expect(existsSync(dirname(String(path)))).toBe(false)
  })
})

describe.skipIf(!canTrace)('calls of a file', () => {
  const callsOf = (way: string): ReturnType<typeof traced> =>
    traced('%file,close,socket,connect,fsync', [
      program('hot-path.mjs'),
      join(built, 'index.js'),
      tempBase(),
      way,
    ])

  test('a file with using costs exactly openat, close and unlink', () => {
    const calls = callsOf('using')
    expect(calls.map(({ call }) => call)).toEqual(
      Array.from({ length: 3 }, () => ['openat', 'close', 'unlink']).flat(),
    )
    expect(new Set(calls.map(({ tid }) => tid)).size, 'in the one thread').toBe(1)
    expect(calls[0]?.rest).toMatch(/O_RDWR\|O_CREAT\|O_EXCL\|O_NOFOLLOW\|O_CLOEXEC, 0600/)
  })

  test('a file with await using costs openat, close and an unlink in another thread than the event loop’s', () => {
    const calls = callsOf('await using')
    expect(calls.map(({ call }) => call)).toEqual(
      Array.from({ length: 3 }, () => ['openat', 'close', 'unlink']).flat(),
    )
    const loop = calls.find(({ call }) => call === 'openat')?.tid
    for (const { call, tid } of calls) expect(tid === loop, call).toBe(call !== 'unlink')
  })
})

describe('import beside require', () => {
  const entries = entryPoints(project).map(({ built: name }) => name)
  const require = createRequire(import.meta.url)

  test.each(entries)(
    'import and require of %s give the same values, by the names of its ES module',
    async (name) => {
      const imported: Record<string, unknown> = await import(join(built, `${name}.js`))
      const required: Record<string, unknown> = require(join(built, `${name}.cjs`))
      const bundled: Record<string, unknown> = await import(join(built, 'esm', `${name}.js`))
      expect(Object.keys(imported)).toEqual(Object.keys(bundled))
      expect(Object.keys(imported).sort()).toEqual(Object.keys(required).sort())
      for (const [key, value] of Object.entries(imported)) expect(required[key], key).toBe(value)
    },
  )

  test('tus can be imported while @tus/server is, and extends the class that the program gets', () => {
    const file = join(tempBase(), 'program.mjs')
    const [server, tus] = [require.resolve('@tus/server'), join(built, 'tus/index.js')]
    writeFileSync(
      file,
      `const [{ DataStore }, { TempFileStore }] = await Promise.all([
        import(${JSON.stringify(server)}), import(${JSON.stringify(tus)})
      ])
      console.log(Object.getPrototypeOf(TempFileStore) === DataStore)`,
    )
    const { stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8' })
    expect([stdout, stderr]).toEqual(['true\n', ''])
  })
})

describe('the ES modules of a bundle beside the package', () => {
  const copies = async (): Promise<[typeof Library, typeof Library]> => {
    const esm: typeof Library = await import(join(built, 'esm/index.js'))
    const cjs: typeof Library = createRequire(import.meta.url)(join(built, 'index.cjs'))
    return [esm, cjs]
  }

  test('a bundle’s copy and the package have a class each, and share the default manager', async () => {
    const [esm, cjs] = await copies()
    onTestFinished(() => esm.setTempManager(undefined))
    expect(esm.TempFileManager).not.toBe(cjs.TempFileManager)
    expect(cjs.getTempManager()).toBe(esm.getTempManager())
    const mine = new esm.TempFileManager({ baseDir: tempBase() })
    cjs.setTempManager(mine as unknown as Library.TempFileManager) // classes with private members are nominal
    expect(esm.getTempManager()).toBe(mine)
  })

  test('a bundle’s copy and the package recognise each other’s errors by isTempFileError and instanceof', async () => {
    const [esm, cjs] = await copies()
    for (const [one, other] of [
      [esm, cjs],
      [cjs, esm],
    ] as const) {
      const error = new one.TempFileError('ERR_TEMP_QUOTA', 'x')
      expect(other.isTempFileError(error)).toBe(true)
      expect(error instanceof other.TempFileError).toBe(true)
      expect(other.isTempFileError(new Error('x'))).toBe(false)
    }
  })

  test('a bundle’s copy and the package name their errors TempFileError in a stack, a log and as a class', async () => {
    for (const { TempFileError } of await copies()) {
      const error = new TempFileError('ERR_TEMP_QUOTA', 'x')
      expect(error.stack).toMatch(/^TempFileError: x\n/)
      expect(inspect(error)).toMatch(/^TempFileError: x\n/)
      expect(TempFileError.name).toBe('TempFileError')
    }
  })

  test('a bundle’s copy and the package share one listener, and leave nothing', async () => {
    const [esm, cjs] = await copies()
    const before = process.listenerCount('exit')
    const base = tempBase()
    const managers = [esm, cjs].map((copy) => new copy.TempFileManager({ baseDir: base }))
    for (const manager of managers) manager.file()
    expect(process.listenerCount('exit')).toBe(before + 1)
    for (const manager of managers) await manager.close()
    expect(process.listenerCount('exit')).toBe(before)
  })
})
