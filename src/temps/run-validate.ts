// The last stage of file rules: the program's own function. Guarantee: an abort ends the wait for it, so a function that
// never answers holds up no signal, no close() and no removeAll(); what it does after that is ignored.

import type { PreparedRules } from '../file-types/file-rules.ts'
import { untilAborted } from '../runtime/abort.ts'
import type { TempFile } from '../types.ts'

/**
 * Runs `validate` on a file until it answers or one of the signals aborts.
 * @throws ERR_TEMP_ABORTED, ERR_TEMP_TIMEOUT; the error that `validate` throws
 */
export async function runValidate(
  validate: NonNullable<PreparedRules['validate']>,
  file: TempFile,
  signals: readonly (AbortSignal | undefined)[],
): Promise<void> {
  await untilAborted(signals, async () => await validate(file))
}
