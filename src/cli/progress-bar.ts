// The progress bar of a long sweep. Guarantee: it is drawn on standard error, on a terminal only, and erased at the end.

import type { SweepProgress } from '../index.ts'
import { isFancy, type Output, size } from './terminal.ts'

export interface ProgressBar {
  update(progress: SweepProgress): void
  stop(): void
}

const CELLS = 24
/** A terminal needs no more; a sweep of thousands of entries must not wait for it. */
const DRAW_EVERY_MS = 100

/** A bar on `stderr`; undefined where none should be drawn. */
export function progressBar(stderr: Output): ProgressBar | undefined {
  if (!isFancy(stderr)) return undefined
  let drawnAt = Number.NEGATIVE_INFINITY
  const draw = ({ done, total, bytes }: SweepProgress): void => {
    const filled = total === 0 ? CELLS : Math.round((CELLS * done) / total)
    const bar = `${'█'.repeat(filled)}${'░'.repeat(CELLS - filled)}`
    stderr.write(`\r\u001b[Ksweeping ${bar} ${done}/${total}, ${size(bytes)} freed`)
    drawnAt = performance.now()
  }
  draw({ done: 0, total: 1, bytes: 0 })
  return {
    update: (progress) => {
      if (performance.now() - drawnAt >= DRAW_EVERY_MS) draw(progress)
    },
    stop: () => stderr.write('\r\u001b[K'),
  }
}
