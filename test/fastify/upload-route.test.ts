import Fastify from 'fastify'
import tempFiles from '../../src/fastify/index.ts'
import type { Served } from '../http/premises.ts'
import { handle, uploadTable } from '../http/receive/upload-table.ts'

uploadTable('Fastify', async (manager, rules, witness): Promise<Served> => {
  const app = Fastify({ forceCloseConnections: true })
  await app.register(tempFiles, { manager, rules })
  app.post('/uploads', async (request) => handle(await request.receiveForm(), request.temp, witness))
  await app.listen({ port: 0, host: '127.0.0.1' })
  const address = app.server.address()
  if (address === null || typeof address === 'string') throw new Error('a port was asked for')
  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    server: app.server,
    close: () => app.close(),
  }
})
