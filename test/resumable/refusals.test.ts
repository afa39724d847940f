// A refusal of a resumable upload reaches clients that send everything before they read, on every front.

import { once } from 'node:events'
import { truncateSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type ResumableUploads, resumableUploads } from '../../src/resumable/index.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'
import { CLIENTS } from '../http/receive/refused-clients.ts'

/** More than the rest that is discarded on a connection that goes on. */
const BYTES = 20 * 1024 * 1024

const FRONTS: readonly [string, (uploads: ResumableUploads) => RequestListener][] = [
  ['node:http', ({ handle }) => handle],
  [
    'Hono',
    ({ fetch }) => getRequestListener(fetch, { autoCleanupIncoming: false, hostname: 'localhost' }), // HTTP/1.0 may have no Host
  ],
]

const REFUSALS = [
  ['by its announced size', { maxBytes: 1000 }, 413],
  ['by the size of one request', { maxAppendBytes: 1000 }, 413],
  ['by its first bytes', { accept: { types: ['image/png'] } }, 415],
] as const

async function listening(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}` // it listens on a port
}

function sparse(): string {
  const path = join(tempBase(), 'body')
  writeFileSync(path, '')
  truncateSync(path, BYTES)
  return path
}

function clientsFor(front: string, option: object): typeof CLIENTS {
  const needsLength = 'maxAppendBytes' in option
  return CLIENTS.filter(([name]) => {
    if (needsLength && (name === 'Python' || name === 'Python, Connection: close')) return false // chunked
    return front !== 'Hono' || name !== 'curl, HTTP/1.0' // no Connection: close, and the Fetch API has no version
  })
}

describe.each(FRONTS)('on %s', (name, front) => {
  describe.each(REFUSALS)('refused %s', (_why, options, status) => {
    test.each(clientsFor(name, options))(
      'a refused upload gives its answer to %s, and nothing of it is left',
      async (_client, send) => {
        const manager = tempManager()
        const url = await listening(front(resumableUploads(manager, options)))
        expect(await send(url, sparse(), BYTES)).toBe(status)
        expect(await manager.uploads()).toEqual([])
      },
    )
  })
})
