// A `validate` as a real program might have it.

import { readFile } from 'node:fs/promises'

/** Walks the boxes of an MP4 file (ISO/IEC 14496-12): the last must end where the file does. */
export async function refuseCut({ path }: { readonly path: string }): Promise<void> {
  const bytes = await readFile(path)
  let end = 0
  while (end + 8 <= bytes.length) end += Math.max(8, bytes.readUInt32BE(end))
  if (end !== bytes.length) throw Object.assign(new Error('cut off'), { status: 422, statusCode: 422 })
}
