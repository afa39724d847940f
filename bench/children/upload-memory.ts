// One source, appended to a partial upload or received: prints the peak of this process's resident memory, in MiB.
// Arguments: directory, 'append' or 'receive', MB.

import { Readable } from 'node:stream'

const [, , directory, way, megabytes] = process.argv
const { TempFileManager } = await import(`${process.env['BENCH_DIST']}/index.js`)
const manager = new TempFileManager({ baseDir: directory, sweep: { onStart: false, every: false } })

/** Each chunk is new memory, as from a socket. */
function* chunks(): Generator<Buffer> {
  for (let left = Number(megabytes) * 16; left > 0; left--) yield Buffer.alloc(64 * 1024, left)
}

const source = Readable.from(chunks(), { objectMode: false })
if (way === 'append') {
  const upload = await manager.createUpload({ hash: 'sha256' })
  await upload.append(source)
  await upload.discard()
} else {
  const file = await manager.receive(source, { hash: 'sha256' })
  await file.remove()
}
await manager.close()
console.log(process.resourceUsage().maxRSS / 1024)
