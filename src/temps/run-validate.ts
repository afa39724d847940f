// The last stage of file rules: the program's own function. Guarantee: an abort ends the wait for it, so a function that
// never answers holds up no signal, no close() and no removeAll(); what it does after that is ignored. A file whose size it
// has changed is refused: what was found before, the size, the digest and the type, is of other bytes. So is one that it has
// removed: whoever removes a virus has refused it.

import { TempFileError } from '../errors.ts'
import type { PreparedRules } from '../file-types/file-rules.ts'
import { untilAborted } from '../runtime/abort.ts'
import type { TempFile } from '../types.ts'

/**
 * Runs `validate` on a file until it answers or one of the signals aborts. `bytes`: what the file must still hold then.
 * @throws ERR_TEMP_ABORTED, ERR_TEMP_TIMEOUT, ERR_TEMP_IO, ERR_TEMP_REMOVED; the error that `validate` throws
 */
export async function runValidate(
  validate: NonNullable<PreparedRules['validate']>,
  file: TempFile,
  signals: readonly (AbortSignal | undefined)[],
  bytes?: number,
): Promise<void> {
  await untilAborted(signals, async () => await validate(file))
  if (bytes === undefined && !file.disposed) return
  if ((await file.size()) === bytes) return // rejects where it was removed
  throw new TempFileError(
    'ERR_TEMP_IO',
    'The rule `validate` changed the file, whose size, digest and type were known already. Change it when it has been accepted.',
    { path: file.path },
  )
}
