// Starts the Express example and stops it gracefully. Guarantee: on SIGTERM or Ctrl-C running requests end, jobs
// that were not started stay handed off for the next start, and everything else is removed from the disk.

import { once } from 'node:events'
import { createServer } from 'node:http'
import { announce, drain, stopGracefully } from '../service/process.ts'
import { startService } from '../service/service.ts'
import { createApp } from './app.ts'

const service = await startService()
const server = createServer(createApp(service))
server.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1')
await once(server, 'listening')
announce('Express', server, service)

stopGracefully(async () => {
  await drain(server)
  await service.close()
})
