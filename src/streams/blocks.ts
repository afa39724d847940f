// Lends the blocks that chunks are gathered in. Guarantee: memory is bounded by a budget for the whole process, not by
// the number of uploads: when all large blocks are lent, the next upload gets small ones.

/** A receive starts with this size: most small files fit, and a large one pays one more copy of it. */
export const SMALL_BLOCK = 64 * 1024
/**
 * The size of the writes of a large body. Bare writes of 256 MB (Linux 6.18, ext4 and tmpfs, 2 cores): of 104 files written
 * in blocks of 1 MiB and more, 11 took 3 to 13 times as long, all of it in the kernel; of 154 files in blocks of 256 to 768
 * KiB none did. `npm run bench -- --only=uploads` measures the result.
 *
 * The server's processor time, seconds a GB, medians of 3 to 9 turns on a machine that did other work too, one upload on
 * tmpfs: 512 KiB 2.0, 128 KiB 3.4, 64 KiB 4.2, pipeline 3.8; as a form 3.1, 4.2, 2.8, multer 5.4.
 */
export const LARGE_BLOCK = 512 * 1024
/**
 * At most 8 MiB are in large blocks: two each for eight uploads, and 2 * 64 KiB for every other one. With 32 MiB, 50 uploads
 * of 64 MB at once on ext4 took 2.3 to 2.7 s a GB and 600 MB/s, with 8 MiB 1.1 to 1.6 and 1,050 (pipeline: 1.5 to 1.8, 900):
 * what is copied into blocks and written from them passes through the processor's cache, and V8 counts them as live memory.
 */
export const MAX_LARGE = 16
/**
 * Blocks that were in use at the same time are kept for the next receive, up to 8 MiB and 2 MiB. A block that is dropped is
 * old memory, which only a full collection frees; and once V8 has made one, it makes one for every 50 MB that a small
 * server reads (`--trace-gc`, Node 20): processor time outside of the kernel grows from 0.4 to 1.2 s a GB.
 */
const KEEP_LARGE = MAX_LARGE
const KEEP_SMALL = 32

/**
 * glibc gives the free top of the heap back to the kernel when it is larger than a threshold of 128 KiB, which grows to
 * twice the size of the largest mapped block that was ever freed (mallopt(3), M_MMAP_THRESHOLD, up to 32 MiB). V8 frees
 * what Node reads into 32 MiB at a time, so in some processes each 64 KiB of a body was read into pages that the kernel
 * had to make and clear again: 160,000 to 260,000 page faults a GB and 1.8 to 2.1 s of processor time, where the others took
 * 15,000 and 1.1 s (raw body of 256 MB). After a mapped block of 8 MiB was freed, three processes of 12 still did; after 20
 * or 31 MiB, none of 16 and 28. With 31 MiB, V8 began its full collections (above) in three of 28, with 20 in none of 16.
 * Elsewhere (musl, Windows, macOS) it changes nothing.
 */
const HEAP_TOP = 20 * 1024 * 1024

const freeLarge: Buffer[] = []
const freeSmall: Buffer[] = []
let lentLarge = 0
let isHeapKept = false

/** Lets the process keep up to 40 MiB of freed heap. The block is never written, so it takes addresses and no memory. */
export function keepHeapTop(): void {
  if (isHeapKept) return
  isHeapKept = true
  Buffer.allocUnsafeSlow(HEAP_TOP) // freed by the next collection
}

/** A block to gather chunks in; `large` is granted while the budget lasts. */
export function lendBlock(large: boolean): Buffer {
  if (large && lentLarge < MAX_LARGE) {
    lentLarge++
    keepHeapTop()
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
