import fs, { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { BlockWriter } from '../../src/streams/block-writer.ts'
import { LARGE_BLOCK, largeBlocksLent } from '../../src/streams/blocks.ts'

let directory: string
let fd: number
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'block-writer-test-'))
  fd = openSync(join(directory, 'file'), 'w+')
})
afterEach(() => {
  closeSync(fd)
  rmSync(directory, { recursive: true })
})

function writing(write: typeof fs.write = fs.write): { writer: BlockWriter; lengths: number[] } {
  const lengths: number[] = []
  const writer = new BlockWriter({
    fs: { ...fs, write },
    fd,
    position: null,
    beforeBlock(block) {
      lengths.push(block.length)
      return undefined
    },
    duringBlock() {},
    onError() {},
  })
  return { writer, lengths }
}

test('many small chunks become few large writes, and the rest one more', async () => {
  const { writer, lengths } = writing()
  for (let at = 0; at < 50_000; at++) await writer.write(Buffer.alloc(47, at & 255))
  await writer.flush()
  await writer.settle()
  expect(lengths).toEqual([...Array(4).fill(LARGE_BLOCK), 50_000 * 47 - 4 * LARGE_BLOCK])
  expect(
    readFileSync(join(directory, 'file')).every((byte, at) => byte === (Math.floor(at / 47) & 255)),
  ).toBe(true)
})

test('little data never costs a large block', async () => {
  const { writer, lengths } = writing()
  await writer.write(Buffer.alloc(65_536))
  expect(largeBlocksLent()).toBe(0)
  await writer.flush()
  await writer.settle()
  expect(lengths).toEqual([65_536])
})

test('a system that writes less than it was given is asked for the rest', async () => {
  const stingy = ((...args: Parameters<typeof fs.write>) => {
    const [descriptor, block, offset, length, position, callback] = args as unknown as [
      number,
      Buffer,
      number,
      number,
      null,
      never,
    ] // the overload in use
    fs.write(descriptor, block, offset, Math.min(length, 1000), position, callback)
  }) as typeof fs.write
  const { writer } = writing(stingy)
  const bytes = Buffer.from(Array.from({ length: 10_500 }, (_, at) => at & 255))
  await writer.write(bytes)
  await writer.flush()
  await writer.settle()
  expect(readFileSync(join(directory, 'file')).equals(bytes)).toBe(true)
})

test('a settled writer takes nothing and lends no block', async () => {
  const { writer, lengths } = writing()
  await writer.settle()
  await writer.write(Buffer.alloc(3 * LARGE_BLOCK))
  await writer.write(Buffer.alloc(100_000))
  await writer.flush()
  expect(lengths).toEqual([])
  expect(largeBlocksLent()).toBe(0)
})
