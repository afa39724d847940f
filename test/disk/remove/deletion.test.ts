import nodeFs, { mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { removeTreeSync } from '../../../src/disk/remove/remove.ts'
import { everyStep } from '../../fixtures/every-step.ts'
import { tempBase } from '../../fixtures/temp-base.ts'

/** A base directory with a tree: tree/a/file, tree/b/file, tree/file. */
function scene(): { base: string; tree: string } {
  const base = tempBase()
  const tree = join(base, 'tree')
  for (const name of ['a', 'b']) mkdirSync(join(tree, name), { recursive: true })
  for (const name of ['a/file', 'b/file', 'file']) writeFileSync(join(tree, name), 'x')
  return { base, tree }
}

describe.skipIf(process.platform === 'win32')('a deletion in a directory that others can write', () => {
  test('a deletion removes nothing if the directory that holds the tree is not the one that was noted', () => {
    const { base, tree } = scene()
    const report = removeTreeSync(nodeFs, tree, { foreign: statSync(tempBase()) })
    expect(report).toMatchObject({ files: 0, directories: 0, errors: [] })
    expect(report.kept).toEqual([{ path: tree, reason: expect.stringContaining('exchanged') }])
    expect(readdirSync(base, { recursive: true }).length).toBe(6)
  })

  test('a deletion removes the tree if the directory that holds it is the one that was noted', () => {
    const { base, tree } = scene()
    expect(removeTreeSync(nodeFs, tree, { foreign: statSync(base) })).toMatchObject({ files: 3, kept: [] })
    expect(readdirSync(base)).toEqual([])
  })
})

describe('the rules for the top directory', () => {
  test('with `keep` the named subdirectories stay complete, and the top with them', () => {
    const { tree } = scene()
    const report = removeTreeSync(nodeFs, tree, { keep: ['b'] })
    expect(report).toMatchObject({ files: 2, directories: 1, errors: [] })
    expect(readdirSync(tree, { recursive: true }).sort()).toEqual(['b', join('b', 'file')])
  })

  test('with `setAside` a subdirectory is renamed before its first file is deleted', () => {
    const { tree } = scene()
    const seen: string[][] = []
    const fs = everyStep((call) => {
      if (call === 'unlinkSync') seen.push(readdirSync(tree))
    })
    removeTreeSync(fs, tree, { setAside: true })
    // The file of the top goes first; after that each subdirectory in its turn.
    const [, first = [], second = []] = seen
    expect(first.filter((name) => name.startsWith('.x-'))).toHaveLength(1)
    expect(second.every((name) => name.startsWith('.x-'))).toBe(true)
    expect(seen).toHaveLength(3)
  })

  test('with `setAside` a subdirectory that another process renames out first is left alone', () => {
    const { base, tree } = scene()
    const claimed = join(base, 'claimed')
    let taken: string | undefined
    const fs = everyStep((call) => {
      if (call !== 'renameSync' || taken !== undefined) return
      taken = readdirSync(tree).sort().at(-1) ?? ''
      renameSync(join(tree, taken), claimed)
    })
    const report = removeTreeSync(fs, tree, { setAside: true })
    expect(report.errors).toEqual([])
    expect(readdirSync(claimed)).toEqual(['file'])
    expect(readdirSync(base)).toEqual([basename(claimed)])
  })
})
