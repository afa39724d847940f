// A server with one route for each way to receive an upload, ours and the peers'. Argument: directory.
// The answer is sent when the upload is on disk; what was received is deleted after it (GET /settled waits).

import fs from 'node:fs'
import http from 'node:http'
import { pipeline } from 'node:stream/promises'
import fastifyMultipart from '@fastify/multipart'
import { FileStore } from '@tus/file-store'
import { Server as TusServer } from '@tus/server'
import express from 'express'
import fastify from 'fastify'
import formidable from 'formidable'
import multer from 'multer'

const directory = String(process.argv[2])
const dist = process.env['BENCH_DIST']
const { TempFileManager } = await import(`${dist}/index.js`)
const { receiveBody, receiveForm } = await import(`${dist}/http/index.js`)
const { resumableUploads } = await import(`${dist}/resumable/index.js`)
const { tusServer } = await import(`${dist}/tus/index.js`)
const { tempUpload } = await import(`${dist}/express/index.js`)

const manager = new TempFileManager({ baseDir: directory, sweep: { onStart: false, every: false } })
const settling = new Set<Promise<unknown>>()
let sequence = 0
const path = (): string => `${directory}/upload-${++sequence}`
const later = (work: () => Promise<unknown>): void => {
  const done = work().finally(() => settling.delete(done))
  settling.add(done)
}

const app = express()
app.post('/multer', multer({ dest: directory }).single('file'), (req, res) => {
  res.end('ok')
  later(() => fs.promises.unlink(String(req.file?.path)))
})
app.post('/express', tempUpload(manager, { maxFileBytes: '4gb' }), (_req, res) => void res.end('ok'))

const peers = fastify({ bodyLimit: 2 ** 40 })
await peers.register(fastifyMultipart, { limits: { fileSize: 2 ** 40 } })
peers.post('/fastify-multipart', async (request) => {
  const part = await request.file()
  const target = path()
  if (part !== undefined) await pipeline(part.file, fs.createWriteStream(target))
  later(() => fs.promises.unlink(target))
  return 'ok'
})
await peers.ready()

type Way = (req: http.IncomingMessage, res: http.ServerResponse) => Promise<void> | void

/** A file that ends as a handoff is discarded after its answer. */
const discard = ({ ticket }: { ticket: string }): Record<string, never> => {
  later(() => manager.discard(ticket))
  return {}
}
const resumable = (durable: boolean): Way =>
  resumableUploads(manager, { durable, maxBytes: '4gb', onComplete: discard }).handle

const tus = (path: string, durable: boolean): Way => {
  const server = tusServer(manager, {
    path,
    durable,
    maxBytes: '4gb',
    onFinish: async (done: { ticket: string }) => discard(done),
  })
  return (req, res) => server.handle(req, res)
}

const store = new FileStore({ directory })
const tusPeer = new TusServer({
  path: '/tus-file-store',
  datastore: store,
  onUploadFinish: async (_req, { id }) => {
    later(() => store.remove(id))
    return {}
  },
})

const ways: Record<string, Way> = {
  '/pipeline': async (req, res) => {
    const target = path()
    await pipeline(req, fs.createWriteStream(target))
    res.end('ok')
    later(() => fs.promises.unlink(target))
  },
  '/receive': async (req, res) => {
    const file = await manager.receive(req)
    res.end('ok')
    later(() => file.remove())
  },
  '/receive-sha256': async (req, res) => {
    const file = await manager.receive(req, { hash: 'sha256' })
    res.end('ok')
    later(() => file.remove())
  },
  '/form': async (req, res) => {
    const form = await receiveForm(req, manager, { maxFileBytes: '4gb' })
    res.end('ok')
    later(() => form[Symbol.asyncDispose]())
  },
  '/body': async (req, res) => {
    const file = await receiveBody(req, manager, { maxBytes: '4gb' })
    res.end('ok')
    later(() => file.remove())
  },
  '/resumable': resumable(false),
  '/resumable-durable': resumable(true),
  '/tus': tus('/tus', false),
  '/tus-durable': tus('/tus-durable', true),
  '/tus-file-store': (req, res) => tusPeer.handle(req, res),
  '/formidable': async (req, res) => {
    const [, files] = await formidable({ uploadDir: directory, maxFileSize: 2 ** 40 }).parse(req)
    res.end('ok')
    later(() =>
      Promise.all(
        Object.values(files)
          .flatMap((list) => list ?? [])
          .map((file) => fs.promises.unlink(file.filepath)),
      ),
    )
  },
  '/settled': async (_req, res) => {
    while (settling.size > 0) await Promise.all(settling)
    const { user, system } = process.cpuUsage()
    res.end(JSON.stringify({ peak: peak(), cpu: (user + system) / 1e6 }))
  },
  '/multer': (req, res) => void app(req, res),
  '/express': (req, res) => void app(req, res),
  '/fastify-multipart': (req, res) => void peers.routing(req, res),
}

/** KiB of resident memory at its highest, by the kernel's own count. */
function peak(): number {
  return Number(/^VmHWM:\s+(\d+)/m.exec(fs.readFileSync('/proc/self/status', 'utf8'))?.[1])
}

const server = http.createServer((req, res) => {
  Promise.resolve(ways[String(req.url)]?.(req, res)).catch((error) => {
    console.error(req.url, error)
    process.exit(1)
  })
})
server.requestTimeout = 0
server.listen(0, '127.0.0.1', () => process.send?.(server.address()))
