// Streams a finished result to the archive and reports its progress, one JSON line at a time. Guarantee: the last
// line reports either that the digests are equal or the error.

import { PassThrough, type Readable } from 'node:stream'
import { putFile } from 'temp-file-manager/http'
import type { ClipService } from './service.ts'

/** The lines `{sent,total}`..., then `{sha256}` or `{error}`. Undefined when the job has no result. */
export function publish(service: ClipService, job: string): Readable | undefined {
  const result = service.jobs.result(job)
  if (result === undefined) return undefined
  const lines = new PassThrough()
  const say = (line: unknown) => lines.write(`${JSON.stringify(line)}\n`)
  const send = async () => {
    const { bytes: total, sha256, name } = result.meta
    const answer = await putFile(new URL(encodeURIComponent(name), service.archive.url), result, {
      onProgress: ({ bytes }) => say({ sent: bytes, total }),
    })
    const got: unknown = JSON.parse(answer.body)
    const equal = typeof got === 'object' && got !== null && 'sha256' in got && got.sha256 === sha256
    say(equal ? { sha256 } : { error: 'The archive received other bytes than were sent.' })
  }
  send()
    .catch((error: unknown) => say({ error: error instanceof Error ? error.message : String(error) }))
    .finally(() => lines.end())
  return lines
}
