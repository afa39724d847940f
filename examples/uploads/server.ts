// Uploads that survive: tus with an Uppy page, and staged uploads of a form with FilePond. Guarantee: this process can be
// killed at any moment and started again, and every page continues where it was.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { TempFileManager } from 'temp-file-manager'
import { createApp } from './app.ts'

const manager = new TempFileManager({ name: 'uploads-example' })
const server = createServer(await createApp(manager))
server.requestTimeout = 0 // node:http ends every request after five minutes otherwise
server.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1')
await once(server, 'listening')
const { port } = server.address() as AddressInfo // it listens on a port
console.log(`http://127.0.0.1:${port}/`)

for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.once(signal, async () => {
    server.closeAllConnections() // an upload that is cut off is kept, and continued later
    server.close()
    await manager.close()
  })
