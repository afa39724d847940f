// A tus server of this package for one test, and requests by hand.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished } from 'vitest'
import type { TempFileManager } from '../../src/index.ts'
import { type FinishedTusUpload, type TusOptions, tusServer } from '../../src/tus/index.ts'
import { tempManager } from '../fixtures/temp-base.ts'

export interface Running {
  readonly manager: TempFileManager
  readonly url: string
  readonly finished: FinishedTusUpload[]
  readonly tus: ReturnType<typeof tusServer>
}

export async function running(options: Partial<TusOptions> = {}, manager = tempManager()): Promise<Running> {
  const finished: FinishedTusUpload[] = []
  const tus = tusServer(manager, {
    path: '/files',
    onFinish: async (upload) => {
      finished.push(upload)
      return {}
    },
    ...options,
  })
  const server = createServer((req, res) => void tus.handle(req, res)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo // it listens on a port
  return { manager, finished, tus, url: `http://127.0.0.1:${port}/files` }
}

export const TUS = { 'Tus-Resumable': '1.0.0' }
export const PATCH = { ...TUS, 'Content-Type': 'application/offset+octet-stream' }

export async function create(url: string, headers: Record<string, string>): Promise<string> {
  const response = await fetch(url, { method: 'POST', headers: { ...TUS, ...headers } })
  expect(response.status).toBe(201)
  return response.headers.get('location') ?? ''
}
