import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { namesIn } from '../fixtures/handoff-root.ts'
import { tempManager } from '../fixtures/temp-base.ts'

const broken = (): never => {
  throw new Error('the work failed')
}

describe("preserve: 'on-error'", () => {
  it('keeps what a failed scope left, with the reason', async () => {
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

  it('keeps nothing of a scope that succeeded', async () => {
    const manager = tempManager({ preserve: 'on-error' })
    const path = await manager.withScope((scope) => scope.file().path)
    expect([existsSync(path), namesIn(manager.root, 'kept')]).toEqual([false, []])
  })

  it('covers withFile and withDir, and a scope that was marked as failed', async () => {
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

  it('keeps the newest 3 failures', async () => {
    const manager = tempManager({ preserve: 'on-error' })
    for (let failure = 0; failure < 5; failure++) await expect(manager.withFile(broken)).rejects.toThrow()
    expect(namesIn(manager.root, 'kept')).toHaveLength(3)
  })

  it('of one scope overrides the manager', async () => {
    const [keeping, plain] = [tempManager({ preserve: 'on-error' }), tempManager()]
    await expect(
      keeping.withScope({ preserve: false }, (scope) => broken.call(scope.file())),
    ).rejects.toThrow()
    await expect(
      plain.withScope({ preserve: 'on-error' }, (scope) => broken.call(scope.file())),
    ).rejects.toThrow()
    expect([namesIn(keeping.root, 'kept').length, namesIn(plain.root, 'kept').length]).toEqual([0, 1])
  })

  it('gives a claim back instead of keeping it', async () => {
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

describe('sweep({ kept: true })', () => {
  it('removes what was kept, and a sweep without it does not', async () => {
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
