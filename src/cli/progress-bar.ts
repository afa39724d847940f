// The progress bar of a long sweep. Guarantee: it is drawn on standard error, on a terminal only, and erased at the end;
// it moves while one large session is removed.

import type { SweepProgress } from '../index.ts'
import { count, isFancy, type Output, size } from './terminal.ts'

export interface ProgressBar {
  update(progress: SweepProgress): void
  stop(): void
}

const CELLS = 24
/** A terminal needs no more; a sweep of thousands of entries must not wait for it. */
const DRAW_EVERY_MS = 100

/**
 * A bar on `stderr`; undefined where none should be drawn. Each entry and each of its files is one step: `expectedFiles`
 * reports how many files will be removed, as far as that is known.
 */
export async function progressBar(
  stderr: Output,
  expectedFiles: () => Promise<number>,
): Promise<ProgressBar | undefined> {
  if (!isFancy(stderr)) return undefined
  let drawnAt = Number.NEGATIVE_INFINITY
  const draw = (text: string): void => {
    stderr.write(`\r\u001b[Ksweeping ${text}`)
    drawnAt = performance.now()
  }
  draw(barOf(0))
  const expected = await expectedFiles()
  return {
    update: ({ done, total, files, bytes }) => {
      if (performance.now() - drawnAt < DRAW_EVERY_MS) return
      const steps = total + Math.max(expected, files)
      const share = steps === 0 ? 1 : (done + files) / steps
      draw(`${barOf(share)} ${done}/${total}, ${count(files, 'file')}, ${size(bytes)} freed`)
    },
    stop: () => stderr.write('\r\u001b[K'),
  }
}

function barOf(share: number): string {
  const filled = Math.min(CELLS, Math.floor(CELLS * share))
  return `${'█'.repeat(filled)}${'░'.repeat(CELLS - filled)}`
}
