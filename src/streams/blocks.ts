// Lends the blocks that chunks are gathered in. Promise: memory is bounded by a budget for the whole process,
// not by the number of uploads: when the large blocks are all lent, the next upload gets small ones.

/** What a receive begins with: most small files fit, and a large one pays one more copy of it. */
export const SMALL_BLOCK = 64 * 1024
/** What a write of a large body is made of; see the figures in block-writer.ts. */
export const LARGE_BLOCK = 1024 * 1024
/** 16 MiB at most are in large blocks: eight uploads at full speed, all others in 2 * 64 KiB each. */
const MAX_LARGE = 16
/** What is kept for the next receive when nothing runs: 2 MiB and half a MiB. */
const KEEP_LARGE = 2
const KEEP_SMALL = 8

const freeLarge: Buffer[] = []
const freeSmall: Buffer[] = []
let lentLarge = 0

/** A block to gather chunks in; `large` is granted while the budget lasts. */
export function lendBlock(large: boolean): Buffer {
  if (large && lentLarge < MAX_LARGE) {
    lentLarge++
    return freeLarge.pop() ?? Buffer.allocUnsafeSlow(LARGE_BLOCK)
  }
  return freeSmall.pop() ?? Buffer.allocUnsafeSlow(SMALL_BLOCK)
}

/** Takes a block back; nothing may read or write it any more. */
export function returnBlock(block: Buffer): void {
  if (block.length === LARGE_BLOCK) {
    lentLarge--
    if (freeLarge.length < KEEP_LARGE) freeLarge.push(block)
  } else if (freeSmall.length < KEEP_SMALL) freeSmall.push(block)
}

/** How many large blocks are lent now; for tests. */
export function largeBlocksLent(): number {
  return lentLarge
}
