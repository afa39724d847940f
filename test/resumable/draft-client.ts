// A server of the draft, and a client that sends by hand over node:http, which shows interim responses.

import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished } from 'vitest'
import type { TempFileManager } from '../../src/index.ts'
import { type ResumableOptions, resumableUploads } from '../../src/resumable/index.ts'
import { tempManager } from '../fixtures/temp-base.ts'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly interim: readonly { status: number; headers: Record<string, string | undefined> }[]
}

export interface Client {
  readonly manager: TempFileManager
  send(
    method: string,
    path: string,
    headers?: Record<string, string>,
    body?: string | Buffer,
  ): Promise<Answer>
  /** Sends the head and a part of the content, and stays open. */
  begin(method: string, path: string, headers: Record<string, string>, part: string): Started
}

export interface Started {
  readonly interim: Promise<IncomingHttpHeaders>
  readonly ended: Promise<Answer | Error>
  /** Sends the rest. */
  send(part: string): void
  cut(): void
}

export const OURS = { 'Upload-Draft-Interop-Version': '8' }
export const APPEND = { ...OURS, 'Content-Type': 'application/partial-upload' }

export async function draft(options: ResumableOptions = {}, manager = tempManager()): Promise<Client> {
  const uploads = resumableUploads(manager, options)
  const server: Server = createServer(uploads.handle).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo // it listens on a port
  const open = (method: string, path: string, headers: Record<string, string>) => {
    const interim: { status: number; headers: Record<string, string | undefined> }[] = []
    const req = request({ port, host: '127.0.0.1', method, path, headers, agent: false })
    const first = new Promise<IncomingHttpHeaders>((resolve) => {
      req.on('information', ({ statusCode, headers: sent }) => {
        interim.push({ status: statusCode, headers: sent as Record<string, string> })
        resolve(sent)
      })
      req.on('continue', () => interim.push({ status: 100, headers: {} }))
    })
    const ended = new Promise<Answer | Error>((resolve) => {
      req.on('error', resolve)
      req.on('response', async (res) => {
        const chunks: Buffer[] = []
        for await (const chunk of res) chunks.push(chunk)
        resolve({
          status: res.statusCode ?? 0,
          headers: res.headers,
          body: Buffer.concat(chunks).toString(),
          interim,
        })
      })
    })
    return { req, first, ended }
  }
  return {
    manager,
    async send(method, path, headers = {}, body = '') {
      const chunked = headers['Transfer-Encoding'] !== undefined
      const { req, ended } = open(method, path, {
        ...(chunked ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }),
        ...headers,
      })
      req.end(body)
      const answer = await ended
      if (answer instanceof Error) throw answer
      return answer
    },
    begin(method, path, headers, part) {
      const { req, first, ended } = open(method, path, headers)
      req.write(part)
      return { interim: first, ended, send: (rest) => void req.end(rest), cut: () => req.destroy() }
    },
  }
}

/** A creation with `Upload-Complete`. */
export const create = (
  client: Client,
  complete: '?0' | '?1',
  bytes = '',
  headers: Record<string, string> = {},
): Promise<Answer> =>
  client.send('POST', '/files', { ...OURS, 'Upload-Complete': complete, ...headers }, bytes)

/** A creation of ten bytes that has sent a part of them. */
export const begin = (client: Client, part: string): Started =>
  client.begin('POST', '/files', { ...OURS, 'Upload-Complete': '?1', 'Content-Length': '10' }, part)

/** Creates an upload with `?0` and some bytes; returns its path. */
export async function created(
  client: Client,
  bytes = '12345',
  headers: Record<string, string> = {},
): Promise<string> {
  const answer = await create(client, '?0', bytes, headers)
  expect(answer.status).toBe(201)
  return answer.headers.location ?? ''
}

export const head = (client: Client, path: string) => client.send('HEAD', path, OURS)
export const append = (client: Client, path: string, offset: number, complete: 0 | 1, bytes = '') =>
  client.send(
    'PATCH',
    path,
    { ...APPEND, 'Upload-Offset': String(offset), 'Upload-Complete': `?${complete}` },
    bytes,
  )
