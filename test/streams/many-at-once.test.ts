import { execFileSync } from 'node:child_process'
import { getEventListeners } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { createFsFromVolume, Volume } from 'memfs'
import { expect, test } from 'vitest'
import type { FileSystem } from '../../src/disk/file-system.ts'
import { Quota } from '../../src/quota.ts'
import {
  LARGE_BLOCK,
  largeBlocksLent,
  lendBlock,
  MAX_LARGE,
  returnBlock,
  SMALL_BLOCK,
} from '../../src/streams/blocks.ts'
import { fill } from '../../src/streams/fill.ts'
import { openIntake } from '../../src/streams/intake.ts'
import { checkReceiveOptions } from '../../src/streams/receive-options.ts'
import { receiveFails } from './receiving.ts'

function onMemory(): { disk: FileSystem; volume: InstanceType<typeof Volume> } {
  const volume = Volume.fromJSON({ '/tmp/.keep': '' })
  return { disk: createFsFromVolume(volume) as unknown as FileSystem, volume } // compile-tested beside the interface
}

test('a hundred uploads at once under one signal stay within the budget of blocks, without a warning', async () => {
  const warnings: string[] = []
  const onWarning = (warning: Error): void => {
    warnings.push(warning.name)
  }
  process.on('warning', onWarning)
  const { disk, volume } = onMemory()
  const quota = new Quota({}, disk)
  const { signal } = new AbortController()
  const piece = Buffer.alloc(100_000, 'p')
  const uploads = Array.from({ length: 100 }, (_, at) => {
    const source = new PassThrough({ highWaterMark: 10_000_000 })
    const fd = disk.openSync(`/tmp/${at}`, 0o102, 0o600)
    return {
      source,
      done: fill(
        { fs: disk, fd, directory: '/tmp', quota },
        openIntake(source, false),
        checkReceiveOptions({ signal }),
      ),
    }
  })
  let most = 0
  for (let turn = 0; turn < 12; turn++) {
    for (const { source } of uploads) source.write(piece)
    await new Promise((resolve) => setImmediate(resolve))
    most = Math.max(most, largeBlocksLent())
  }
  for (const { source } of uploads) source.end()
  for (const { bytes } of await Promise.all(uploads.map(({ done }) => done))) expect(bytes).toBe(1_200_000)
  process.removeListener('warning', onWarning)
  expect(most).toBe(MAX_LARGE)
  expect(largeBlocksLent()).toBe(0)
  expect(volume.statSync('/tmp/99').size).toBe(1_200_000)
  expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  expect(quota.bytes).toBe(120_000_000)
  expect(warnings).toEqual([])
})

test('blocks are large while the budget lasts, then small, and large again when given back', () => {
  const lent = Array.from({ length: MAX_LARGE + 4 }, () => lendBlock(true))
  expect(lent.map((block) => block.length)).toEqual([
    ...Array(MAX_LARGE).fill(LARGE_BLOCK),
    ...Array(4).fill(SMALL_BLOCK),
  ])
  expect(new Set(lent.map((block) => block.buffer)).size).toBe(MAX_LARGE + 4)
  for (const block of lent) returnBlock(block)
  const again = lendBlock(true)
  expect(again).toHaveLength(LARGE_BLOCK)
  returnBlock(again)
})

test('a disk that is really full is ERR_TEMP_NO_SPACE, and minFreeBytes stops before it', async ({
  skip,
}) => {
  const directory = mkdtempSync(join(tmpdir(), 'small-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'none', directory], { stdio: 'ignore' })
  } catch {
    rmSync(directory, { recursive: true })
    return skip('mounting a small tmpfs is not permitted here')
  }
  try {
    const bytes = Buffer.alloc(5 * 1024 * 1024)
    const error = await receiveFails('ERR_TEMP_NO_SPACE', [bytes], {}, { directory })
    expect(error.cause).toMatchObject({ code: 'ENOSPC' })
    const limited = { directory, limits: { minFreeBytes: 1024 * 1024 } }
    const early = await receiveFails('ERR_TEMP_NO_SPACE', [bytes], {}, limited)
    expect(early.cause).toBeUndefined()
  } finally {
    execFileSync('umount', [directory])
    rmSync(directory, { recursive: true })
  }
})
