// Lends the blocks that chunks are gathered in. Guarantee: memory is bounded by a budget for the whole process, not by
// the number of uploads: when all large blocks are lent, the next upload gets small ones.

/** A receive starts with this size: most small files fit, and a large one pays one more copy of it. */
export const SMALL_BLOCK = 64 * 1024
/**
 * The size of the writes of a large body. Bare writes of 256 MB (Linux 6.18, ext4 and tmpfs, 2 cores): of 104 files written
 * in blocks of 1 MiB and more, 11 took 3 to 13 times as long, all of it in the kernel; of 154 files in blocks of 256 to 768
 * KiB none did. `npm run bench -- --only=uploads` measures the result.
 */
export const LARGE_BLOCK = 512 * 1024
/** At most 32 MiB are in large blocks: two each for 32 uploads, and 2 * 64 KiB for every other one. */
export const MAX_LARGE = 64
/** Kept for the next receive when nothing runs: 2 MiB and half a MiB. */
const KEEP_LARGE = 4
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
