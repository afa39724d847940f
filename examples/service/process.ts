// The start and the end of a server process. Guarantee: its parent (a terminal, the demo, a test) learns the
// address and what was found at the start; a stop lets running requests end, but not for ever.

import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import closeWithGrace from 'close-with-grace'
import type { ClipService, Found } from './service.ts'

/** How long a request that is still running at the stop may take to end, in milliseconds. */
const REQUEST_GRACE = 4_000

/** Sent to a parent process over its IPC channel, if there is one. */
export interface Listening {
  readonly url: string
  readonly archive: string
  readonly found: Found
}

export function announce(framework: string, server: Server, service: ClipService): void {
  // A TCP server that listens has an AddressInfo; the string is for pipes.
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}/`
  const { sessions, bytes, jobs } = service.found
  console.log(`${framework} listens on ${url}`)
  if (sessions > 0) console.log(`Reclaimed ${bytes} bytes of ${sessions} dead session(s).`)
  if (jobs > 0) console.log(`Took up ${jobs} job(s) that an earlier process left open.`)
  process.send?.({ url, archive: service.archive.url, found: service.found } satisfies Listening)
}

/** Closes the server: no new requests, idle connections cut at once, running requests after their grace. */
export async function drain(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve))
  const idle = setInterval(() => server.closeIdleConnections(), 50)
  const patience = setTimeout(() => server.closeAllConnections(), REQUEST_GRACE)
  server.closeIdleConnections()
  await closed
  clearInterval(idle)
  clearTimeout(patience)
}

export function stopGracefully(stop: () => Promise<void>): void {
  const { close } = closeWithGrace({ delay: 10_000 }, async ({ signal, err }) => {
    if (err !== undefined) console.error(err)
    else console.log(`${signal ?? 'closing'}: finishing what runs, keeping what is handed off`)
    await stop()
  })
  // A server that was started over IPC ends with its parent.
  if (process.connected) process.once('disconnect', close)
}
