// The points at which the example cuts a worker's cable. Guarantee: the cable is out when the step's first request is sent;
// a download is under way by then.

import { subscribe } from 'node:diagnostics_channel'
import type { CutOrder, Step, WorkerReport } from './shared.ts'

/** A download that is long enough to be cut in its middle. */
const LARGE_BYTES = 1_000_000

let wanted: Step | undefined
let goOn = (): void => {}
const large = new Set<string>()

process.on('message', (order: CutOrder) => {
  wanted = order.cutIn
  if (wanted === undefined) goOn()
})

/** Waits while the example cuts the cable, if it wants to do so in this step; returns whether it did. */
export async function atStep(step: Step): Promise<boolean> {
  if (wanted !== step) return false
  report({ begins: step })
  await new Promise<void>((resolve) => {
    const others = goOn
    goOn = () => {
      others()
      resolve()
    }
  })
  return true
}

/** The claim of a large clip is reported when its download begins. */
export function reportDownloadsOf(ticket: string, bytes: number): void {
  if (bytes >= LARGE_BYTES) large.add(ticket)
}

subscribe('temp-file-manager:claim', (event) => {
  const { ticket } = event as { ticket: string } // see docs/debugging.md
  if (wanted === 'download' && large.delete(ticket)) report({ begins: 'download' })
})

function report(message: WorkerReport): void {
  process.send?.(message, () => {}) // the example may have ended
}
