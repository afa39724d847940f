import fs, {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { TempFileManager } from '../../src/index.ts'
import { layoutOf } from '../../src/layout.ts'
import { keepFailed } from '../../src/removal/kept.ts'
import { failure } from '../fixtures/failures.ts'
import { namesIn } from '../fixtures/handoff-root.ts'
import { slashed } from '../fixtures/slashed.ts'
import { steppingDisk, systemError } from '../fixtures/stepping-disk.ts'
import { tempManager } from '../fixtures/temp-base.ts'
import { DEVICES } from '../temps/devices.ts'

/** The files of the only failure that is kept, except the record, with their content. */
function keptFiles(manager: TempFileManager): Record<string, string> {
  const [directory = ''] = namesIn(manager.root, 'kept').map((name) => join(manager.root, 'kept', name))
  const files = readdirSync(directory, { recursive: true })
    .map(String)
    .filter((name) => name !== 'kept.json' && statSync(join(directory, name)).isFile())
  return Object.fromEntries(files.map((name) => [slashed(name), readFileSync(join(directory, name), 'utf8')]))
}

const broken = (): never => {
  throw new Error('the work failed')
}

describe("preserve: 'on-error'", () => {
  it("preserve: 'on-error' keeps what a failed scope left, with the reason", async () => {
    const manager = tempManager({ preserve: 'on-error' })
    const failed = manager.withScope(async (scope) => {
      await scope.receive('a half frame', { name: 'frame.png' })
      scope.dir({ name: 'work' })
      scope.file().removeSync()
      broken()
    })
    await expect(failed).rejects.toThrow('the work failed')
    const { kept } = await manager.usage()
    expect(kept).toMatchObject([{ reason: expect.stringContaining('the work failed'), files: 1 }])
    const directory = join(manager.root, 'kept', kept[0]?.name ?? '')
    expect(readdirSync(directory).sort()).toEqual(['frame.png', 'kept.json', 'work'])
    expect(readFileSync(join(directory, 'frame.png'), 'utf8')).toBe('a half frame')
    expect(manager.stats().entries).toBe(0)
  })

  it('a failure is kept whole while another process keeps newer ones', async () => {
    const manager = tempManager({ preserve: { count: 1 } })
    const root = { fs, native: true, layout: layoutOf(manager.root) }
    await manager.withScope((scope) => scope.file())
    const source = join(dirname(manager.root), 'source')
    const newer = { name: 'newer', moveTo: async (path: string) => writeFileSync(path, '') }
    const older = {
      name: 'older',
      moveTo: async (path: string) => {
        expect(
          await keepFailed(root, { count: 1, ageMs: undefined }, [newer], {
            sessionId: '2-b',
            reason: 'newer',
          }),
        ).toEqual([])
        writeFileSync(source, 'whole')
        renameSync(source, path)
      },
    }
    expect(
      await keepFailed(root, { count: 1, ageMs: undefined }, [older], { sessionId: '1-a', reason: 'older' }),
    ).toEqual([])
    expect(keptFiles(manager)).toEqual({ older: 'whole' })
  })

  it('a failure is kept whole while a sweep of the same process runs', async () => {
    const manager = tempManager({ preserve: 'on-error' })
    const root = { fs, native: true, layout: layoutOf(manager.root) }
    const source = join(dirname(manager.root), 'source')
    await manager.withScope((scope) => scope.file())
    const entry = {
      name: 'report',
      moveTo: async (path: string) => {
        writeFileSync(source, 'whole')
        renameSync(source, path)
        await manager.sweep()
      },
    }
    const failure = { sessionId: '1-a', reason: 'a reason' }
    expect(await keepFailed(root, { count: 1, ageMs: undefined }, [entry], failure)).toEqual([])
    expect(keptFiles(manager)).toEqual({ report: 'whole' })
  })

  it("preserve: 'on-error' keeps nothing of a scope that succeeded", async () => {
    const manager = tempManager({ preserve: 'on-error' })
    const path = await manager.withScope((scope) => scope.file().path)
    expect([existsSync(path), namesIn(manager.root, 'kept')]).toEqual([false, []])
  })

  it('preserve with a count covers withFile and withDir, and a scope that was marked as failed', async () => {
    const manager = tempManager({ preserve: { count: 5 } })
    await expect(manager.withFile(broken)).rejects.toThrow('the work failed')
    await expect(manager.withDir(broken)).rejects.toThrow('the work failed')
    {
      await using scope = manager.scope()
      scope.file()
      scope.fail('a reason')
    }
    expect((await manager.usage()).kept.map(({ reason }) => reason?.split('\n')[0]).sort()).toEqual([
      'Error: the work failed',
      'Error: the work failed',
      'a reason',
    ])
  })

  it("preserve: 'on-error' keeps the newest 3 failures", async () => {
    const manager = tempManager({ preserve: 'on-error' })
    for (const failure of [1, 2, 3, 4, 5]) {
      const failing = (): never => {
        throw new Error(`failure ${failure}`)
      }
      await expect(manager.withFile(failing)).rejects.toThrow()
    }
    expect(namesIn(manager.root, 'kept')).toHaveLength(3)
    const reasons = (await manager.usage()).kept.map(({ reason }) => reason?.split('\n')[0])
    expect(reasons.sort()).toEqual(['Error: failure 3', 'Error: failure 4', 'Error: failure 5'])
  })

  it('preserve of one scope overrides the manager', async () => {
    const [keeping, plain] = [tempManager({ preserve: 'on-error' }), tempManager()]
    await expect(
      keeping.withScope({ preserve: false }, (scope) => broken.call(scope.file())),
    ).rejects.toThrow()
    await expect(
      plain.withScope({ preserve: 'on-error' }, (scope) => broken.call(scope.file())),
    ).rejects.toThrow()
    expect([namesIn(keeping.root, 'kept').length, namesIn(plain.root, 'kept').length]).toEqual([0, 1])
  })

  it('a failed scope keeps every entry under its name, also two of one name and one named as the record', async () => {
    const manager = tempManager({ preserve: 'on-error' })
    const failed = manager.withScope(async (scope) => {
      for (const content of ['first', 'second', 'third']) await scope.receive(content, { name: 'report.txt' })
      for (const content of ['a', 'b']) writeFileSync(scope.dir({ name: 'out' }).join(content), content)
      for (const name of ['kept.json', 'lease', '2']) await scope.receive(name, { name })
      broken()
    })
    await expect(failed).rejects.toThrow('the work failed')
    expect(keptFiles(manager)).toEqual({
      'report.txt': 'first',
      '2/report.txt': 'second',
      '3/report.txt': 'third',
      'out/a': 'a',
      '4/out/b': 'b',
      '5/kept.json': 'kept.json',
      '6/lease': 'lease',
      '7/2': '2',
    })
    expect((await manager.usage()).kept).toMatchObject([
      { reason: expect.stringContaining('the work failed'), files: 8 },
    ])
  })

  it("preserve: 'on-error' keeps the rest when one entry cannot be kept, and fails with a typed error", async () => {
    const disk = steppingDisk((call, path) => {
      if (call === 'rename' && basename(path) === 'first.txt') throw systemError('EIO')
    })
    const manager = tempManager({ preserve: 'on-error', fs: disk })
    const failed = manager.withScope(async (scope) => {
      await scope.receive('1', { name: 'first.txt' })
      await scope.receive('2', { name: 'second.txt' })
      broken()
    })
    const error: AggregateError = await failed.catch((thrown) => thrown)
    expect(error.errors).toMatchObject([{ message: 'the work failed' }, { code: 'ERR_TEMP_IO' }])
    await failure('ERR_TEMP_IO', () => Promise.reject(error.errors[1]))
    expect(keptFiles(manager)).toEqual({ 'second.txt': '2' })
  })

  it("preserve: 'on-error' ignores an entry that the program removed itself, and keeps the rest", async () => {
    const manager = tempManager({ preserve: 'on-error' })
    const failed = manager.withScope(async (scope) => {
      unlinkSync(scope.file().path)
      await scope.receive('2', { name: 'second.txt' })
      broken()
    })
    await expect(failed).rejects.toThrow('the work failed')
    expect(keptFiles(manager)).toEqual({ 'second.txt': '2' })
  })

  it.each(DEVICES)("preserve: 'on-error' keeps what was adopted in place on %s", async (_, newDirectory) => {
    const [manager, place] = [tempManager({ preserve: 'on-error' }), newDirectory()]
    writeFileSync(join(place, 'file.txt'), 'text')
    mkdirSync(join(place, 'dir'))
    writeFileSync(join(place, 'dir/file.txt'), 'in it')
    const failed = manager.withScope(async (scope) => {
      for (const name of ['file.txt', 'dir']) await scope.adopt(join(place, name), { inPlace: true })
      broken()
    })
    await expect(failed).rejects.toThrow('the work failed')
    expect(keptFiles(manager)).toEqual({ 'file.txt': 'text', 'dir/file.txt': 'in it' })
    expect(readdirSync(place)).toEqual([])
  })

  it("preserve: 'on-error' does not hide the error of a scope whose manager was closed in it", async () => {
    const manager = tempManager({ preserve: 'on-error' })
    const failed = manager.withScope(async (scope) => {
      scope.file()
      await manager.close()
      broken()
    })
    await expect(failed).rejects.toThrow('the work failed')
  })

  it("preserve: 'on-error' gives a claim back instead of keeping it", async () => {
    const manager = tempManager({ preserve: 'on-error' })
    const ticket = await manager.file().handOff()
    const failed = manager.withScope(async (scope) => {
      await scope.claim(ticket)
      broken()
    })
    await expect(failed).rejects.toThrow()
    expect(await manager.inspect(ticket)).toMatchObject({ state: 'available', attempts: 1 })
    expect(namesIn(manager.root, 'kept')).toEqual([])
  })
})

describe('sweeps of kept/', () => {
  it('sweep({ kept: true }) removes what was kept, and a sweep without it does not', async () => {
    const manager = tempManager({ preserve: 'on-error' })
    await expect(manager.withFile(broken)).rejects.toThrow()
    await manager.sweep()
    expect(namesIn(manager.root, 'kept')).toHaveLength(1)
    const dry = await manager.sweep({ kept: true, dryRun: true })
    expect(dry.items.filter(({ kind }) => kind === 'kept')).toMatchObject([{ action: 'would-remove' }])
    const report = await manager.sweep({ kept: true })
    expect(report.items.filter(({ kind }) => kind === 'kept')).toMatchObject([
      { action: 'removed', files: 2 },
    ])
    expect([namesIn(manager.root, 'kept'), (await manager.usage()).kept]).toEqual([[], []])
  })
})
