// How an error of the library gets from a worker thread to the one that asked. Guarantee: its code arrives; the
// structured clone between threads keeps an error's message and drops the rest.

import { isTempFileError, TempFileError, type TempFileErrorCode } from 'temp-file-manager'

export interface Refused {
  readonly refused: TempFileErrorCode
  readonly message: string
}

/** In the worker thread: what `work` returns, or its error of the library as plain data. */
export async function acrossThreads<T>(work: () => Promise<T>): Promise<T | Refused> {
  try {
    return await work()
  } catch (error) {
    if (isTempFileError(error)) return { refused: error.code, message: error.message }
    throw error
  }
}

/** In the thread that asked: the result, or the error again. */
export function received<T extends object>(outcome: T | Refused): T {
  if ('refused' in outcome) throw new TempFileError(outcome.refused, outcome.message)
  return outcome
}
