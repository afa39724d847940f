// The options of a sweep. Guarantee: a wrong option throws before anything is judged.

import {
  abortSignal,
  boolean,
  type Checked,
  callback,
  duration,
  optionsOf,
  timerDuration,
} from '../input/options.ts'
import type { Duration } from '../input/units.ts'
import type { SweepProgress } from './report.ts'

/**
 * Options of {@link TempFileManager.sweep}.
 * @category Maintenance
 */
export interface SweepOptions {
  /** Only report what would be removed. Default false. */
  dryRun?: boolean | undefined
  /** Stops the sweep between two entries; the next sweep finishes the rest. */
  signal?: AbortSignal | undefined
  /** Called after each entry. */
  onProgress?: ((progress: SweepProgress) => void) | undefined
  /** Stops the sweep after this time; the next sweep finishes the rest. */
  timeLimit?: Duration | undefined
  /** Remove also everything in `kept/`, which `preserve` left for debugging. Default false. */
  kept?: boolean | undefined
  /** Also removes a session that nothing proves dead, once its owner has not touched it for this long. Default: never. */
  removeUnknownAfter?: Duration | undefined
}

const schema = {
  dryRun: boolean,
  signal: abortSignal,
  onProgress: callback<(progress: SweepProgress) => void>(),
  timeLimit: timerDuration,
  kept: boolean,
  removeUnknownAfter: duration,
}

/** {@link SweepOptions}, checked: times in milliseconds. */
export type SweepRequest = Partial<Checked<typeof schema>>

/** Checks the options of a sweep. @throws ERR_TEMP_OPTION_INVALID */
export const checkSweepOptions: (options: SweepOptions | undefined) => SweepRequest = optionsOf(
  'sweep',
  schema,
)

/** The caller's signal and the time limit, as one; a deletion half way through stops for either. */
export function stopSignal({ signal, timeLimit }: SweepRequest): AbortSignal | undefined {
  if (timeLimit === undefined) return signal
  const timeout = AbortSignal.timeout(Math.ceil(timeLimit))
  return signal === undefined ? timeout : AbortSignal.any([signal, timeout])
}
