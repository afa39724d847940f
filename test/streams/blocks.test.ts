import { describe, expect, test } from 'vitest'
import { runChild } from '../fixtures/child.ts'

/** Of 4 KiB. */
const PAGES_OF_MB = 256

async function faults(how: string): Promise<{ first: number; second: number }> {
  const ended = await runChild('heap-top.mts', { args: [how], node: ['--expose-gc'] })
  expect(ended).toMatchObject({ code: 0, stderr: '' })
  return JSON.parse(ended.stdout) as { first: number; second: number } // what the child prints
}

const header = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
const isGlibc = header.header.glibcVersionRuntime !== undefined

describe.skipIf(!isGlibc)('the heap of a process that receives (needs glibc)', () => {
  test('after keepHeapTop() most of a freed block of the heap is used again without a page fault', async () => {
    const kept = await faults('kept')
    expect(kept.first).toBeGreaterThan(2 * PAGES_OF_MB) // they are counted at all
    expect(kept.second).toBeLessThan(PAGES_OF_MB)
  })

  test('without keepHeapTop() glibc returns a freed block to the kernel', async () => {
    expect((await faults('not kept')).second).toBeGreaterThan(1.5 * PAGES_OF_MB)
  })
})
