import nodeFs, { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { giveBack, giveBackAll } from '../../src/claimable/give-back.ts'
import type { TempFileManager } from '../../src/index.ts'
import { layoutOf } from '../../src/layout.ts'
import { dataOf, digestsOf, namesIn, published } from '../fixtures/handoff-root.ts'
import { steppingDisk, systemError } from '../fixtures/stepping-disk.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

async function claimed(manager: TempFileManager): Promise<{ ticket: string; directory: string }> {
  const dir = manager.dir({ name: 'frames' })
  mkdirSync(dir.join('sub'))
  writeFileSync(dir.join('sub', 'one'), '1')
  writeFileSync(dir.join('two'), '2')
  const ticket = await dir.handOff()
  await manager.claim(ticket)
  return { ticket, directory: join(manager.sessionPath ?? '', 'claims', ticket) }
}

describe('giving back', () => {
  it('giveBack() needs nothing but a touch and a rename: workers can drain a full disk', async () => {
    const manager = tempManager()
    const { ticket, directory } = await claimed(manager)
    const calls: string[] = []
    const disk = steppingDisk((call) => calls.push(call))
    expect(giveBack({ fs: disk, native: true, layout: layoutOf(manager.root) }, directory, ticket)).toBe(
      'returned',
    )
    expect(calls).toEqual(['utimes', 'rename'])
    expect(published(manager.root)).toEqual([ticket])
  })

  it('giveBack() goes on where the touch is refused', async () => {
    const manager = tempManager()
    const { ticket, directory } = await claimed(manager)
    const disk = steppingDisk((call) => {
      if (call === 'utimes') throw systemError('ENOSPC')
    })
    expect(giveBack({ fs: disk, native: true, layout: layoutOf(manager.root) }, directory, ticket)).toBe(
      'returned',
    )
    expect(published(manager.root)).toEqual([ticket])
  })

  it('a second giveBack() of a claim finds nothing to do', async () => {
    const manager = tempManager()
    const { ticket, directory } = await claimed(manager)
    const layout = layoutOf(manager.root)
    expect([1, 2].map(() => giveBack({ fs: nodeFs, native: true, layout }, directory, ticket))).toEqual([
      'returned',
      'missing',
    ])
  })

  it('giveBack() puts data back that a killed handOff() of the claim had taken', async () => {
    const manager = tempManager()
    const { ticket, directory } = await claimed(manager)
    const before = digestsOf(join(directory, 'data'))
    const draft = join(directory, '.pub-0123456789abcdefghjkmnpqrs')
    mkdirSync(join(draft, 'data'), { recursive: true })
    writeFileSync(join(draft, 'handoff.json'), '{"v":1')
    renameSync(join(directory, 'data', 'frames'), join(draft, 'data', 'frames'))
    giveBack({ fs: nodeFs, native: true, layout: layoutOf(manager.root) }, directory, ticket)
    expect(dataOf(manager.root, ticket)).toEqual(before)
    expect(namesIn(manager.root, 'handoffs', ticket)).toEqual(['attempt-1', 'data', 'handoff.json'])
  })

  it('giveBack() ends a claim that was handed off or persisted, and leaves no empty directory', async () => {
    const manager = tempManager()
    const { ticket, directory } = await claimed(manager)
    renameSync(join(directory, 'data', 'frames'), join(tempBase(), 'persisted'))
    expect(giveBack({ fs: nodeFs, native: true, layout: layoutOf(manager.root) }, directory, ticket)).toBe(
      'spent',
    )
    expect(published(manager.root)).toEqual([])
    expect(namesIn(manager.root, 'sessions')).toHaveLength(1)
  })

  it('giveBack() keeps an entry with a record of another version, also when its data has another place', async () => {
    const manager = tempManager()
    const { ticket, directory } = await claimed(manager)
    writeFileSync(join(directory, 'handoff.json'), JSON.stringify({ v: 2, ticket }))
    renameSync(join(directory, 'data'), join(directory, 'blobs'))
    expect(giveBack({ fs: nodeFs, native: true, layout: layoutOf(manager.root) }, directory, ticket)).toBe(
      'returned',
    )
    expect(namesIn(manager.root, 'handoffs', ticket)).toContain('blobs')
  })

  it('giveBackAll() removes claims/ by rmdir, and keeps it while a foreign entry is in it', async () => {
    const manager = tempManager({ onCleanupError: () => {} })
    const { ticket } = await claimed(manager)
    const claims = join(manager.sessionPath ?? '', 'claims')
    mkdirSync(join(claims, 'foreign'))
    const first = giveBackAll({ fs: nodeFs, native: true, layout: layoutOf(manager.root) }, claims)
    expect(first).toEqual({ returned: [ticket], stuck: [{ name: 'foreign', why: 'it is not a claim' }] })
    expect(namesIn(claims)).toEqual(['foreign'])
    nodeFs.rmdirSync(join(claims, 'foreign'))
    expect(giveBackAll({ fs: nodeFs, native: true, layout: layoutOf(manager.root) }, claims)).toEqual({
      returned: [],
      stuck: [],
    })
    expect(nodeFs.existsSync(claims)).toBe(false)
  })

  it('giveBackAll() returns the claim that lands in claims/ between the listing and the rmdir', async () => {
    const manager = tempManager({ onCleanupError: () => {} })
    const { ticket } = await claimed(manager)
    const late = await manager.file().handOff()
    const claims = join(manager.sessionPath ?? '', 'claims')
    let once = true
    const disk = steppingDisk((call) => {
      if (call !== 'rmdir' || !once) return
      once = false
      renameSync(join(manager.root, 'handoffs', late), join(claims, late))
    })
    const { returned } = giveBackAll({ fs: disk, native: true, layout: layoutOf(manager.root) }, claims)
    expect(returned.sort()).toEqual([ticket, late].sort())
    expect(published(manager.root)).toEqual([ticket, late].sort())
  })
})
