// The bar of a long sweep. Promise: on standard error, on a terminal only, and gone when the sweep is over.

import type { SweepProgress } from '../index.ts'
import { isFancy, type Output, size } from './terminal.ts'

export interface ProgressBar {
  update(progress: SweepProgress): void
  stop(): void
}

/** A bar on `stderr`; undefined where none should be drawn. */
export async function progressBar(stderr: Output): Promise<ProgressBar | undefined> {
  if (!isFancy(stderr)) return undefined
  const { SingleBar } = (await import('cli-progress')).default
  const bar = new SingleBar({
    format: 'sweeping {bar} {value}/{total}, {freed} freed',
    barsize: 24,
    clearOnComplete: true,
    hideCursor: null, // an interrupted program must not leave the terminal without one
  })
  bar.start(1, 0, { freed: size(0) })
  return {
    update({ done, total, bytes }) {
      bar.setTotal(Math.max(1, total))
      bar.update(done, { freed: size(bytes) })
    },
    stop: () => bar.stop(),
  }
}
