import { serve } from '@hono/node-server'
import { TempFileManager } from 'temp-file-manager'
import { createApp } from './app.ts'

const port = Number(process.env['PORT'] ?? 3000)
const app = createApp(new TempFileManager({ name: 'hono-example' }))
// Without autoCleanupIncoming the library discards a refused upload's rest, and the client can read the answer.
serve({ fetch: app.fetch, port, hostname: '127.0.0.1', autoCleanupIncoming: false })
console.log(`Hono listens on http://127.0.0.1:${port}`)
