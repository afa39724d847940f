import { TempFileManager } from 'temp-file-manager'
import { createApp } from './app.ts'

const port = Number(process.env['PORT'] ?? 3000)
createApp(new TempFileManager({ name: 'koa-example' })).listen(port, '127.0.0.1')
console.log(`Koa listens on http://127.0.0.1:${port}`)
