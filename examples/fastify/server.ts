// Starts the Fastify example and stops it gracefully: the same promise as the Express one.

import { announce, drain, stopGracefully } from '../service/process.ts'
import { startService } from '../service/service.ts'
import { createApp } from './app.ts'

const service = await startService()
const app = await createApp(service)
await app.listen({ port: Number(process.env['PORT'] ?? 3000), host: '127.0.0.1' })
announce('Fastify', app.server, service)

stopGracefully(async () => {
  await drain(app.server)
  await app.close()
  await service.close()
})
