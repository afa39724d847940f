// A refusal reaches every client, however much it still sends.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { connect, createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { receiveBody, toProblem } from '../../../src/http/index.ts'
import { tempBase } from '../../fixtures/temp-base.ts'
import { Premises, type Served, serve, tellWhy } from '../premises.ts'
import { CLIENTS, type Client } from './refused-clients.ts'

const MEGABYTE = 1024 * 1024
/** `npm run test:refusals` is the full check: 100 rounds of 1 GB. */
const ROUNDS = Number(process.env['REFUSAL_ROUNDS'] ?? 1)
const SIZES = process.env['REFUSAL_MB'] ? [Number(process.env['REFUSAL_MB'])] : [12, 40]
/** A client that sends 1 GB before it reads took up to 13 s on a loaded machine; after 30 s it is disconnected. */
const LIMIT_MS = 60_000 + ROUNDS * 30_000

let premises: Premises
let server: Served

/** Answers with the problem of a Fetch API request; the adapter owns its connection. */
const fetchListener = getRequestListener(
  async (request) => {
    try {
      await receiveBody(request, premises.manager, { maxBytes: 1000 })
      return new Response('received')
    } catch (error) {
      const { status, body } = toProblem(error)
      return new Response(String(body), { status })
    }
  },
  { autoCleanupIncoming: false, hostname: 'localhost' }, // HTTP/1.0 may have no Host
)

beforeEach(async () => {
  premises = new Premises()
  server = await serve(async (req, res) => {
    try {
      await receiveBody(req, premises.manager, { maxBytes: 1000 })
      res.end('received')
    } catch (error) {
      tellWhy(res, error)
    }
  })
})

afterEach(() => premises.leave(server))

function sparse(megabytes: number): string {
  const path = join(tempBase(), 'body')
  writeFileSync(path, '')
  truncateSync(path, megabytes * MEGABYTE)
  return path
}

async function expectRefusals(client: Client, url: string, megabytes: number): Promise<void> {
  const path = sparse(megabytes)
  for (let round = 0; round < ROUNDS; round += 1) {
    expect(await client(url, path, megabytes * MEGABYTE)).toBe(413)
  }
}

describe.each(SIZES)('a body of %i MB', (megabytes) => {
  test.each(CLIENTS)(
    `the refusal of a body of ${megabytes} MB reaches %s`,
    (_, client) => expectRefusals(client, server.url, megabytes),
    LIMIT_MS,
  )

  test.each(CLIENTS.filter(([name]) => !name.includes('1.0')))(
    `the refusal of a body of ${megabytes} MB reaches %s through nginx`,
    async (_, client) => {
      await using proxy = await nginx(server.port)
      await expectRefusals(client, proxy.url, megabytes)
    },
    LIMIT_MS,
  )

  describe('by the Fetch API', () => {
    beforeEach(async () => {
      await server.close()
      server = await serve(fetchListener)
    })

    // curl sends no `Connection: close` with HTTP/1.0, and the Fetch API has no version.
    test.each(CLIENTS.filter(([name]) => name !== 'curl, HTTP/1.0'))(
      `the refusal of a body of ${megabytes} MB by the Fetch API reaches %s`,
      (_, client) => expectRefusals(client, server.url, megabytes),
      LIMIT_MS,
    )
  })
})

/** A real nginx, with its defaults, in front of a port: it speaks HTTP/1.0 upstream. */
async function nginx(upstream: number): Promise<AsyncDisposable & { url: string }> {
  const directory = tempBase()
  for (const name of ['logs', 'body', 'proxy']) mkdirSync(join(directory, name))
  const port = await freePort()
  writeFileSync(
    join(directory, 'nginx.conf'),
    `daemon off; master_process off; pid ${directory}/pid; error_log ${directory}/logs/error;
    events {} http { access_log off; client_max_body_size 0;
      client_body_temp_path ${directory}/body; proxy_temp_path ${directory}/proxy;
      server { listen 127.0.0.1:${port}; location / { proxy_pass http://127.0.0.1:${upstream}; proxy_request_buffering off; } } }`,
  )
  const child = spawn('nginx', ['-p', directory, '-c', join(directory, 'nginx.conf')], { stdio: 'ignore' })
  const exited = once(child, 'exit')
  await vi.waitFor(
    () =>
      new Promise<void>((resolve, reject) => {
        const socket = connect(port, '127.0.0.1', () => {
          socket.destroy()
          resolve()
        })
        socket.on('error', reject)
      }),
    10_000,
  )
  return {
    url: `http://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      child.kill()
      await exited
    },
  }
}

async function freePort(): Promise<number> {
  const taken = createTcpServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const address = taken.address()
  await new Promise((resolve) => taken.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('a port was asked for')
  return address.port
}
