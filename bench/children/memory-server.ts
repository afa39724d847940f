// The server whose memory is watched. It comes to life step by step, one IPC message each: 'import', 'manager',
// 'file', 'listen'. Argument: directory.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { UploadedFile } from '../../src/http/index.ts'
import type { TempFileManager } from '../../src/index.ts'

const directory = String(process.argv[2])
const dist = process.env['BENCH_DIST']
setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')
let manager: TempFileManager
let kept: UploadedFile | undefined
const loaded: Record<string, Record<string, (...given: never[]) => unknown>> = {}

const steps: Record<string, () => Promise<unknown>> = {
  import: async () => {
    loaded['core'] = await import(`${dist}/index.js`)
  },
  manager: async () => {
    const { TempFileManager } = await import(`${dist}/index.js`)
    manager = new TempFileManager({ baseDir: directory, sweep: { onStart: false, every: false } })
  },
  file: async () => manager.file('.bin').removeSync(),
  listen: async () => {
    const { default: express } = await import('express')
    const { tempUpload } = await import(`${dist}/express/index.js`)
    const { sendFile } = await import(`${dist}/http/index.js`)
    const app = express()
    app.post('/upload', tempUpload(manager, { maxFileBytes: '4gb' }), (_req, res) => void res.end('ok'))
    app.post('/keep', tempUpload(manager, { maxFileBytes: '4gb' }), (req, res) => {
      kept = req.upload.files[0]?.keepUntilClose()
      res.end('ok')
    })
    app.get('/download', async (req, res) => {
      if (kept === undefined) res.status(404).end()
      else await sendFile(req, res, kept)
    })
    app.get('/cleanup', async (_req, res) => {
      await kept?.remove()
      res.end('ok')
    })
    app.get('/heap', (_req, res) => {
      collect()
      const { heapUsed, external } = process.memoryUsage()
      res.end(String(heapUsed + external))
    })
    return await new Promise((resolve) => {
      const server = app.listen(0, '127.0.0.1', () => resolve(server.address()))
    })
  },
}
process.on('message', async (step: string) => {
  try {
    process.send?.((await steps[step]?.()) ?? null)
  } catch (error) {
    console.error(error)
    process.exit(1)
  }
})
process.send?.('started')
