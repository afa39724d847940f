import { createServer } from 'node:http'
import express from 'express'
import { tempUpload } from '../../src/express/index.ts'
import { listen } from '../http/premises.ts'
import { handle, uploadTable } from '../http/receive/upload-table.ts'

// Express's own final error handler answers: what most applications have.
process.env['NODE_ENV'] = 'test'

uploadTable('Express', async (manager, rules, witness) => {
  const app = express()
  app.post('/uploads', tempUpload(manager, rules), async (req, res) => {
    res.json(await handle(req.upload, req.temp, witness))
  })
  return listen(createServer(app))
})
