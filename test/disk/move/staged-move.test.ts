import { execFileSync } from 'node:child_process'
import nodeFs, { readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { moveInto } from '../../../src/disk/move/move.ts'
import { exchanging } from '../../fixtures/every-step.ts'
import { failure } from '../../fixtures/failures.ts'
import { tempBase } from '../../fixtures/temp-base.ts'
import { away, isRoot, KEEP, makeFile, makeTree, places, REPLACE } from './places.ts'

describe.runIf(isRoot)('a move to another device (needs root to mount one)', () => {
  places('another device')

  test('a move to another device refuses a FIFO, and leaves everything in place', async () => {
    const source = makeTree()
    execFileSync('mkfifo', [join(source, 'fifo')])
    await expect(moveInto(nodeFs, source, join(away, 'x'), KEEP)).rejects.toMatchObject({
      code: 'ERR_TEMP_IO',
    })
    expect(readdirSync(source)).toContain('fifo')
    expect(readdirSync(away)).toEqual([])
  })

  test('a destination that fills up leaves the source, no partial copy, and is reported as ERR_TEMP_NO_SPACE', async () => {
    execFileSync('mount', ['-o', 'remount,size=256k', away])
    const source = makeFile('big', 'x'.repeat(1024 * 1024))
    await expect(moveInto(nodeFs, source, join(away, 'x'), KEEP)).rejects.toMatchObject({
      code: 'ERR_TEMP_NO_SPACE',
    })
    expect(statSync(source).size).toBe(1024 * 1024)
    expect(readdirSync(away)).toEqual([])
  })
})

test.skipIf(process.platform !== 'linux')(
  'a source in a directory of others that is exchanged before its rename goes back, and the destination stays free',
  async () => {
    const [home, away] = [tempBase(), tempBase()]
    for (const name of ['one', 'other']) writeFileSync(join(home, name), name)
    const fs = exchanging('renameSync', () => {
      renameSync(join(home, 'one'), join(home, 'aside'))
      renameSync(join(home, 'other'), join(home, 'one'))
    })
    const options = { ...REPLACE, foreign: statSync(home) }
    const error = await failure('ERR_TEMP_IO', () =>
      moveInto(fs, join(home, 'one'), join(away, 'x'), options),
    )
    expect(error.message).toContain('exchanged')
    expect(readFileSync(join(home, 'one'), 'utf8')).toBe('other')
    expect(readdirSync(away)).toEqual([])
  },
)
