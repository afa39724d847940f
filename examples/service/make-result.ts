// The work on one claimed clip: make a web-ready film of it in a scratch directory, and hand that on. Guarantee:
// the result has a lifetime of its own before the caller lets the clip go, so a death in between loses nothing.

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat, writeFile } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import type { Claim, TempFileManager } from 'temp-file-manager'
import { haveFfmpeg, transcode } from './ffmpeg.ts'
import type { ClipMeta, ResultMeta } from './meta.ts'

export interface ClipDone {
  readonly ticket: string
  readonly result: ResultMeta
}

interface Made {
  readonly path: string
  readonly ending: string
  readonly type: string
  readonly madeBy: string
}

/** Does not complete the claim: that is its holder's to do, once this has resolved. */
export async function makeResult(
  clip: Claim<ClipMeta>,
  manager: TempFileManager,
  onProgress: (percent: number) => void = () => undefined,
): Promise<ClipDone> {
  await using scratch = manager.dir()
  const made = (await haveFfmpeg())
    ? await makeFilm(clip.path, scratch.join('film.mp4'), onProgress)
    : await makeReport(clip.path, scratch.join('report.json'), clip.meta)
  const { job, name } = clip.meta
  const result: ResultMeta = {
    kind: 'result',
    job,
    name: name.replace(/\.[^.]*$/, '') + made.ending,
    type: made.type,
    madeBy: made.madeBy,
    bytes: (await stat(made.path)).size,
    sha256: await sha256(made.path),
    upload: clip.meta,
    from: clip.ticket,
    attempt: clip.attempt,
  }
  await using file = await manager.adopt(made.path)
  return { ticket: await file.handOff({ meta: result }), result }
}

async function makeFilm(input: string, path: string, onProgress: (percent: number) => void): Promise<Made> {
  await transcode(input, path, { onProgress })
  return { path, ending: '.web.mp4', type: 'video/mp4', madeBy: 'ffmpeg' }
}

/** Without ffmpeg the example still works, and reports that. */
async function makeReport(input: string, path: string, meta: ClipMeta): Promise<Made> {
  const report = {
    note: 'ffmpeg is not installed here',
    of: meta.name,
    bytes: meta.bytes,
    sha256: await sha256(input),
  }
  await writeFile(path, `${JSON.stringify(report, null, 2)}\n`)
  return { path, ending: '.report.json', type: 'application/json', madeBy: 'a digest (no ffmpeg here)' }
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
