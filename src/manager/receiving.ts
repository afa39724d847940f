// Receiving for a manager. Guarantee: the source is consumed or destroyed, also when an option is wrong or the manager
// is closed.

import type { Lifecycle } from '../lifecycle.ts'
import { operations } from '../on-demand.ts'
import { abortError, joinSignals } from '../runtime/abort.ts'
import { openIntake } from '../streams/intake.ts'
import type { Namer } from '../temps/naming.ts'
import type { ByteSource, ReceivedFile, ReceiveOptions } from '../types.ts'

/** Streams `source` into a new file. `ending` aborts it when its scope ends. */
export async function receive(
  { life, namer }: { readonly life: Lifecycle; readonly namer: Namer },
  source: ByteSource,
  options?: ReceiveOptions,
  ending?: AbortSignal,
): Promise<ReceivedFile> {
  const keep = options?.keepSource === true
  const intake = openIntake(source, keep) // first: the source may fail while the file is being opened
  try {
    life.requireOpen()
    return await life.abortable(ending, async (closing) => {
      const { checkReceiveOptions, receiveFile } = await operations()
      const prepared = checkReceiveOptions(options)
      const naming = namer.checkNames(options)
      const { signal, detach } = joinSignals(closing, prepared.signal)
      try {
        if (closing.aborted) throw abortError(closing.reason)
        return await life.run((session) => receiveFile(session, naming, intake, { ...prepared, signal }))
      } finally {
        detach()
      }
    })
  } catch (error) {
    intake.stop(error, keep)
    throw error
  }
}
