// Receiving for a manager. Guarantee: the source is consumed or destroyed, also when an option is wrong or the manager
// is closed.

import type { Lifecycle } from '../lifecycle.ts'
import { joinSignals } from '../runtime/abort.ts'
import { openIntake } from '../streams/intake.ts'
import { checkReceiveOptions } from '../streams/receive-options.ts'
import { receiveFile } from '../temps/create.ts'
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
    const prepared = checkReceiveOptions(options)
    const naming = namer.checkNames(options)
    const joined = joinSignals(ending, prepared.signal)
    try {
      return await life.abortable(joined.signal, (signal) =>
        life.run((session) => receiveFile(session, naming, intake, { ...prepared, signal })),
      )
    } finally {
      joined.detach()
    }
  } catch (error) {
    intake.stop(error, keep)
    throw error
  }
}
