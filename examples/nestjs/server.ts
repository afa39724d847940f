import { TempFileManager } from 'temp-file-manager'
import { createApp } from './app.ts'

const port = Number(process.env['PORT'] ?? 3000)
const app = await createApp(new TempFileManager({ name: 'nestjs-example' }))
await app.listen(port, '127.0.0.1')
console.log(`NestJS listens on http://127.0.0.1:${port}`)
