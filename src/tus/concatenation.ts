// The final upload of a concatenation: a copy of its parts, in their order. Guarantee: one that fails leaves nothing but its
// parts, so that the client can send the same request again.

import type { CreateUploadOptions, FileRules, PartialUpload, TempFileManager } from '../index.ts'
import { log } from '../runtime/observe.ts'

/** The facts that a tus upload keeps in its record. */
export interface Remembered {
  readonly metadata?: Record<string, string | null>
  /** The Upload-Concat of its creation: 'partial', or the list of a final upload. */
  readonly concat?: string
}

export function rememberedOf(upload: PartialUpload): Remembered {
  return (upload.protocol ?? {}) as Remembered // written by the store, for each upload that it creates
}

/** The bytes of all parts. A part can be there several times. @throws 400 for a part that is not complete, or no part */
export async function lengthOfParts(manager: TempFileManager, parts: readonly string[]): Promise<number> {
  const lengths = new Map<string, number>()
  for (const id of new Set(parts)) {
    await using part = await openPart(manager, id)
    lengths.set(id, part.offset)
  }
  return parts.reduce((sum, id) => sum + (lengths.get(id) ?? 0), 0)
}

/** Creates and finishes the final upload. */
export async function joinParts(
  manager: TempFileManager,
  parts: readonly string[],
  options: CreateUploadOptions,
): Promise<void> {
  const { accept, maxBytes } = options
  const rules: { accept?: FileRules; maxBytes: typeof maxBytes } = {
    ...(accept && { accept }),
    maxBytes,
  }
  const upload = await manager.createUpload(options)
  try {
    for (const id of parts) {
      await using part = await openPart(manager, id)
      await upload.append(part.read(), rules)
    }
    await upload.finish(rules)
  } catch (error) {
    const kept = (failure: unknown): void => log.upload('%s was not discarded: %s', upload.id, failure)
    await upload.discard().catch(kept)
    throw error
  }
  await upload.release()
}

async function openPart(manager: TempFileManager, id: string): Promise<PartialUpload> {
  const part = await manager.openUpload(id, { whenBusy: 'take-over' })
  if (rememberedOf(part).concat === 'partial' && part.offset === part.length) return part
  await part.release()
  throw { status_code: 400, body: 'A part is not complete, or not a partial upload\n' }
}
