import { execFileSync } from 'node:child_process'
import nodeFs from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { FileSystem } from '../../../src/disk/file-system.ts'
import { moveInto } from '../../../src/disk/move/move.ts'
import { moveIn as moveWith } from '../../../src/disk/move/move-in.ts'
import { NO_JOURNAL } from '../../../src/disk/move/staging.ts'
import { everyStep, exchanging } from '../../fixtures/every-step.ts'
import { failure } from '../../fixtures/failures.ts'
import { tempBase } from '../../fixtures/temp-base.ts'
import { away, clear, DEVICES, home, isRoot, makeFile, makeTree, places, portrait } from './places.ts'

const { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } =
  nodeFs

const moveIn = (fs: FileSystem, from: string, to: string) => moveWith(fs, from, to, { journal: NO_JOURNAL })

describe.each(DEVICES)('moveIn, from %s (another one needs root to mount)', (device) => {
  places(device)

  test('moveIn() moves a file and a directory in, with modes, times and links', async () => {
    writeFileSync(join(away, 'file'), 'content', { mode: 0o604 })
    const tree = makeTree()
    const before = portrait(tree)
    await moveInto(nodeFs, tree, join(away, 'tree'), { overwrite: false, durable: false })
    await moveIn(nodeFs, join(away, 'file'), join(home, 'file'))
    await moveIn(nodeFs, join(away, 'tree'), join(home, 'taken'))
    expect(readdirSync(away)).toEqual([])
    expect(readFileSync(join(home, 'file'), 'utf8')).toBe('content')
    expect(statSync(join(home, 'file')).mode & 0o777).toBe(0o604)
    expect(portrait(join(home, 'taken'))).toEqual(before)
  })

  test('moveIn() refuses a symlink and a FIFO, which stay', async () => {
    symlinkSync(makeFile(), join(away, 'link'))
    execFileSync('mkfifo', [join(away, 'fifo')])
    for (const name of ['link', 'fifo']) {
      await expect(moveIn(nodeFs, join(away, name), join(home, 'taken'))).rejects.toMatchObject({
        code: 'ERR_TEMP_IO',
      })
    }
    expect(readdirSync(away).sort()).toEqual(['fifo', 'link'])
    expect(readdirSync(home)).toEqual(['source'])
  })

  test.each(['renameSync', 'unlinkSync', 'mkdirSync'] as const)(
    'when %s fails in moveIn(), the source is complete and no copy is left',
    async (call) => {
      const faulty: FileSystem = {
        ...nodeFs,
        native: true,
        [call]: (from: string) => {
          const code = call === 'renameSync' && from.endsWith('first') ? 'EXDEV' : 'EACCES'
          throw Object.assign(new Error(code), { code })
        },
      }
      mkdirSync(join(away, 'tree/sub'), { recursive: true })
      writeFileSync(join(away, 'tree/sub/file'), 'x')
      writeFileSync(join(away, 'file'), 'x')
      for (const name of ['tree', 'file']) {
        const failure: unknown = await moveIn(faulty, join(away, name), join(home, 'taken')).catch(
          (e: unknown) => e,
        )
        if (!(failure instanceof Error)) {
          // This call is not made on this way.
          clear(join(home, 'taken'))
          continue
        }
        expect(failure).toMatchObject({ code: 'ERR_TEMP_IO' })
        expect(readdirSync(away)).toContain(name)
        expect(readdirSync(home)).toEqual([])
        if (name === 'tree') expect(readFileSync(join(away, 'tree/sub/file'), 'utf8')).toBe('x')
      }
    },
  )
})

test.runIf(isRoot)('moveIn refuses a directory that holds a mount (needs root to mount)', async () => {
  const own = tempBase()
  const point = join(own, 'tree/mnt')
  mkdirSync(point, { recursive: true })
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', point])
  try {
    await expect(moveIn(nodeFs, join(own, 'tree'), join(own, 'taken'))).rejects.toMatchObject({
      code: 'ERR_TEMP_IO',
    })
    expect(readdirSync(own)).toEqual(['tree'])
  } finally {
    execFileSync('umount', [point])
  }
})

describe.skipIf(process.platform !== 'linux')('moveIn, of a source that is exchanged', () => {
  places('the same device')

  test('moveIn() moves back the replacement of a source that was exchanged after it was examined', async () => {
    for (const name of ['one', 'other']) writeFileSync(join(away, name), name)
    const fs = exchanging('renameSync', () => {
      renameSync(join(away, 'one'), join(away, 'aside'))
      renameSync(join(away, 'other'), join(away, 'one'))
    })
    const error = await failure('ERR_TEMP_IO', () => moveIn(fs, join(away, 'one'), join(home, 'taken')))
    expect(error.message).toContain('exchanged')
    expect(readFileSync(join(away, 'one'), 'utf8')).toBe('other')
    expect(readdirSync(home)).toEqual([])
  })

  test('moveIn() does not delete what replaced a source after it was copied to another device', async () => {
    for (const name of ['one', 'other']) mkdirSync(join(away, name))
    writeFileSync(join(away, 'other/file'), 'x')
    let renames = 0
    const steps = everyStep((call) => {
      if (call !== 'renameSync') return
      // The first rename is the one into the session; the second one condemns the source.
      if (++renames === 1) throw Object.assign(new Error('EXDEV'), { code: 'EXDEV' })
      if (renames > 2) return
      renameSync(join(away, 'one'), join(away, 'aside'))
      renameSync(join(away, 'other'), join(away, 'one'))
    })
    await failure('ERR_TEMP_IO', () => moveIn(steps, join(away, 'one'), join(home, 'taken')))
    expect(readdirSync(away).sort()).toEqual(['aside', 'one'])
    expect(existsSync(join(away, 'one/file'))).toBe(true)
    expect(readdirSync(home)).toEqual([])
  })

  test('moveIn() does not delete a file that replaced its source after the copy to another device', async () => {
    for (const name of ['one', 'other']) writeFileSync(join(away, name), name)
    const steps = everyStep((call) => {
      const moves = call === 'renameSync' && !existsSync(join(home, 'taken'))
      if (moves) throw Object.assign(new Error('EXDEV'), { code: 'EXDEV' })
      // The copy is complete when it gets the times of its source.
      if (call !== 'futimesSync') return
      renameSync(join(away, 'one'), join(away, 'aside'))
      renameSync(join(away, 'other'), join(away, 'one'))
    })
    const error = await failure('ERR_TEMP_IO', () => moveIn(steps, join(away, 'one'), join(home, 'taken')))
    expect(error.message).toContain('exchanged')
    expect(readdirSync(away).sort()).toEqual(['aside', 'one'])
    expect(readFileSync(join(away, 'one'), 'utf8')).toBe('other')
    expect(readdirSync(home)).toEqual([])
  })
})
