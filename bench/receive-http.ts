// Receiving an http body into a file, against pipeline(req, fs.createWriteStream), over loopback, both in one run.
// npx tsx bench/receive-http.ts [MB=256] [rounds=9] [uploads at once=1] [directory=os.tmpdir()]

import { fork } from 'node:child_process'
import fs, { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Quota } from '../src/quota.ts'
import { largeBlocksLent } from '../src/streams/blocks.ts'
import { fill } from '../src/streams/fill.ts'
import { openIntake } from '../src/streams/intake.ts'
import { checkReceiveOptions } from '../src/streams/receive-options.ts'
import type { ReceiveOptions } from '../src/types.ts'

const [MB = 256, ROUNDS = 9, AT_ONCE = 1] = process.argv.slice(2, 5).map(Number)
const BYTES = MB * 1024 * 1024

type Way = (request: http.IncomingMessage, path: string) => Promise<unknown>

const quota = new Quota({}, fs)

function receiving(options?: ReceiveOptions): Way {
  return async (request, path) => {
    const fd = fs.openSync(path, 'wx', 0o600)
    try {
      await fill(
        { fs, fd, directory: tmpdir(), quota },
        openIntake(request, false),
        checkReceiveOptions(options),
      )
    } finally {
      fs.closeSync(fd)
    }
  }
}

const WAYS: Record<string, Way> = {
  pipeline: (request, path) => pipeline(request, fs.createWriteStream(path)),
  receive: receiving(),
  'receive, sha256': receiving({ hash: 'sha256' }),
}

/** The uploading process: sends one body for each message that names a port. */
function upload(): void {
  const chunk = Buffer.alloc(256 * 1024, 7)
  process.on('message', (port: number) => {
    const request = http.request(
      { port, method: 'POST', headers: { 'content-length': BYTES } },
      (response) => {
        response.resume().on('end', () => process.send?.('done'))
      },
    )
    let left = BYTES
    const go = (): void => {
      while (left > 0) {
        const piece = chunk.subarray(0, Math.min(left, chunk.length))
        left -= piece.length
        if (!request.write(piece)) return void request.once('drain', go)
      }
      request.end()
    }
    go()
  })
}

async function measure(): Promise<void> {
  const directory = mkdtempSync(join(process.argv[5] ?? tmpdir(), 'bench-'))
  const times = new Map<string, number[]>()
  let way = ''
  let sequence = 0
  let peak = 0
  let lent = 0
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss)
    lent = Math.max(lent, largeBlocksLent())
  }, 5)
  const server = http.createServer(async (request, response) => {
    const path = join(directory, `body-${sequence++}`)
    await WAYS[way]?.(request, path)
    fs.unlink(path, () => response.end('ok'))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // it listens on a port
  const client = fork(import.meta.filename, process.argv.slice(2), { env: { ...process.env, UPLOAD: '1' } })
  for (let round = 0; round <= ROUNDS; round++) {
    for (way of Object.keys(WAYS)) {
      const began = performance.now()
      let left = AT_ONCE
      await new Promise<void>((resolve) => {
        client.on('message', function done() {
          if (--left > 0) return
          client.removeListener('message', done)
          resolve()
        })
        for (let one = 0; one < AT_ONCE; one++) client.send(port)
      })
      const list = times.get(way) ?? []
      if (round > 0) list.push(performance.now() - began) // the first round warms up
      times.set(way, list)
    }
  }
  client.disconnect()
  server.close()
  clearInterval(watch)
  rmSync(directory, { recursive: true })
  const base = median(times.get('pipeline') ?? [])
  for (const [name, list] of times) {
    const middle = median(list)
    const speed = (milliseconds: number): string => ((MB * AT_ONCE * 1000) / milliseconds).toFixed(0)
    console.log(
      `${name.padEnd(16)} median ${speed(middle)} MB/s, best ${speed(Math.min(...list))}, ` +
        `${(base / middle).toFixed(2)} times pipeline`,
    )
  }
  console.log(`peak memory ${(peak / 2 ** 20).toFixed(0)} MiB; large blocks lent at most ${lent}`)
}

function median(list: readonly number[]): number {
  return list.toSorted((one, other) => one - other)[list.length >> 1] ?? Number.NaN
}

if (process.env['UPLOAD'] === '1') upload()
else await measure()
