import nodeFs, { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { FileSystem } from '../../../src/disk/file-system.ts'
import { copyAcross } from '../../../src/disk/move/copy.ts'
import { OpenDirectories } from '../../../src/disk/open-directories.ts'
import { exchanging } from '../../fixtures/every-step.ts'
import { failure } from '../../fixtures/failures.ts'
import { tempBase } from '../../fixtures/temp-base.ts'

/** Copies `name` from one directory to another. */
async function copy(fs: FileSystem, from: string, to: string, name: string): Promise<void> {
  const open = new OpenDirectories(fs)
  onTestFinished(() => open.close())
  const tools = { fs, open, durable: false }
  await copyAcross(tools, { directory: open.open(from), name }, { directory: open.open(to), name })
}

describe.skipIf(process.platform !== 'linux')('copyAcross', () => {
  test('copyAcross() never writes to a file that exists', async () => {
    const [from, to] = [tempBase(), tempBase()]
    writeFileSync(join(from, 'one'), 'copied')
    writeFileSync(join(to, 'one'), 'of another program')
    await expect(copy(nodeFs, from, to, 'one')).rejects.toMatchObject({ code: 'EEXIST' })
    expect(readFileSync(join(to, 'one'), 'utf8')).toBe('of another program')
  })

  test.each([
    ['a file', 'open', (path: string) => writeFileSync(path, 'secret')],
    ['a directory', 'openSync', (path: string) => mkdirSync(path)],
  ])('copyAcross() refuses %s that was exchanged after it was examined', async (_, call, make) => {
    const [from, to] = [tempBase(), tempBase()]
    for (const name of ['one', 'other']) make(join(from, name))
    const fs = exchanging(call, () => {
      renameSync(join(from, 'one'), join(from, 'aside'))
      renameSync(join(from, 'other'), join(from, 'one'))
    })
    expect((await failure('ERR_TEMP_IO', () => copy(fs, from, to, 'one'))).message).toContain('exchanged')
  })

  test('copyAcross() does not open the target of a link that replaced a file after the check', async () => {
    const [from, to, elsewhere] = [tempBase(), tempBase(), tempBase()]
    writeFileSync(join(elsewhere, 'secret'), 'secret')
    writeFileSync(join(from, 'one'), 'x')
    const fs = exchanging('open', () => {
      renameSync(join(from, 'one'), join(from, 'aside'))
      symlinkSync(join(elsewhere, 'secret'), join(from, 'one'))
    })
    await expect(copy(fs, from, to, 'one')).rejects.toMatchObject({ code: 'ELOOP' })
  })
})
