// The second local server, where results are published: it takes a PUT, measures it and answers with what it
// got. Guarantee: it keeps nothing; the bytes live as long as their request.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TempFileManager } from 'temp-file-manager'
import { receiveBody, toProblem } from 'temp-file-manager/http'

export interface Archive {
  readonly url: string
  close(): Promise<void>
}

export async function startArchive(manager: TempFileManager): Promise<Archive> {
  const server: Server = createServer((request, response) => {
    void keep(manager, request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // A TCP server that listens has an AddressInfo; the string is for pipes.
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/`,
    close: async () => {
      server.close()
      server.closeIdleConnections()
      await once(server, 'close')
    },
  }
}

async function keep(
  manager: TempFileManager,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    await using scope = manager.scope()
    const file = await receiveBody(request, scope, { hash: 'sha256' })
    answer(response, 201, { bytes: file.bytes, sha256: file.digest })
  } catch (error) {
    const { status, body } = toProblem(error)
    if (status >= 500) console.error(error)
    answer(response, status, body)
  }
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
