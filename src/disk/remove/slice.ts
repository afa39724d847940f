// Limits how long work holds the event loop. Guarantee: all callers of a process together hold it for one slice between two
// turns.

import { timers } from '../../runtime/lazy.ts'

// One slice for the whole process: two removals at once, or a thousand small ones in a row that never come to
// a turn of the loop by themselves, must together hold it no longer than one.
let sliceEnds = 0
let nextTurn: Promise<void> | undefined

export const SLICE_MS = 5

export function sliceIsOver(): boolean {
  return performance.now() >= sliceEnds
}

export async function nextSlice(sliceMs: number): Promise<void> {
  nextTurn ??= timers()
    .setImmediate()
    .then(() => {
      nextTurn = undefined
      sliceEnds = performance.now() + sliceMs
    })
  await nextTurn
}

/** Work of many steps; between two of them the loop may turn. */
export type Steps<T> = Generator<void, T, void>

export async function inSlices<T>(steps: Steps<T>): Promise<T> {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
    if (sliceIsOver()) await nextSlice(SLICE_MS)
  }
}

export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}
