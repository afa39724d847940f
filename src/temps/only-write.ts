// One write() of a file at a time: two would mix their bytes.

import { TempFileError } from '../errors.ts'

/** Files whose write() has not ended. */
const writing = new WeakSet<object>()

/** @throws ERR_TEMP_IO while another write() of the file runs */
export async function asOnlyWrite<T>(file: object, write: () => Promise<T>): Promise<T> {
  if (writing.has(file))
    throw new TempFileError('ERR_TEMP_IO', 'Cannot write to it: another write() runs. Await that one first.')
  writing.add(file)
  try {
    return await write()
  } finally {
    writing.delete(file)
  }
}
