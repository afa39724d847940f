// Any file name, over every transport and adapter. The saved names are those of real clients: curl (which reads the
// ASCII fallback) and Chromium (which reads filename*).

import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { createServer as createHttp2Server, createSecureServer } from 'node:http2'
import type { AddressInfo, Server } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { serve as serveHono } from '@hono/node-server'
import express from 'express'
import Fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import tempFiles from '../../../src/fastify/index.ts'
import { fileResponse, sendFile } from '../../../src/http/index.ts'
import type { ReceivedFile } from '../../../src/index.ts'
import { Premises, serve } from '../premises.ts'

const run = promisify(execFile)

/** The name given, the name that a client of filename* saves, and the ASCII fallback. */
const NAMES: [string, string, string][] = [
  ['plain.txt', 'plain.txt', 'plain.txt'],
  ['résumé.pdf', 'résumé.pdf', 'resume.pdf'],
  ['ü.txt', 'ü.txt', 'u.txt'],
  ['e\u0301te\u0301.txt', 'e\u0301te\u0301.txt', 'ete.txt'],
  ['ÿþß.txt', 'ÿþß.txt', 'y??.txt'],
  ['nbsp\u00a0x.txt', 'nbsp\u00a0x.txt', 'nbsp x.txt'],
  ['control\u0085\u009fs.txt', 'controls.txt', 'controls.txt'],
  ['счёт €.pdf', 'счёт €.pdf', '???? ?.pdf'],
  ['日本語.txt', '日本語.txt', '???.txt'],
  ['😀.bin', '😀.bin', '?.bin'],
  ['half\ud83d.txt', 'half\ufffd.txt', 'half?.txt'],
  ['／％＂.txt', '／％＂.txt', '???.txt'],
  ["it's (1); 100% a=b.txt", "it's (1); 100% a=b.txt", "it's (1); 100% a=b.txt"],
  ['%41.txt', '%41.txt', '%41.txt'],
]
const ALL = NAMES.map(([name]) => name)

let premises: Premises
let sent: ReceivedFile
const closing: (() => unknown)[] = []

beforeEach(async () => {
  premises = new Premises()
  sent = await premises.manager.receive('content')
})

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
  await sent.remove()
  await premises.expectNothingLeft()
  await premises.close()
})

function nameOf(url: string | undefined): string {
  return ALL[Number(new URL(url ?? '', 'http://x').searchParams.get('n'))] ?? ''
}

async function urlOf(server: Server, protocol = 'http'): Promise<string> {
  if (!server.listening) await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  closing.push(() => new Promise((resolve) => server.close(resolve)))
  return `${protocol}://127.0.0.1:${(server.address() as AddressInfo).port}` // it listens on a port
}

const SERVERS: Record<string, () => Promise<string>> = {
  async 'node:http'() {
    const server = await serve((req, res) => void sendFile(req, res, sent, { fileName: nameOf(req.url) }))
    closing.push(() => server.close())
    return server.url
  },
  'node:http2': () =>
    urlOf(createHttp2Server((req, res) => void sendFile(req, res, sent, { fileName: nameOf(req.url) }))),
  async Express() {
    const app = express()
    app.get('/', (req, res) => sendFile(req, res, sent, { fileName: nameOf(req.url) }))
    return urlOf(app.listen(0, '127.0.0.1'))
  },
  Fastify: () => fastify(false),
  'Fastify, HTTP/2': () => fastify(true),
  async Koa() {
    const app = new Koa()
    app.use(async (ctx) => {
      ctx.respond = false
      await sendFile(ctx.req, ctx.res, sent, { fileName: nameOf(ctx.url) })
    })
    return urlOf(app.listen(0, '127.0.0.1'))
  },
  async Hono() {
    const app = new Hono()
    app.get('/', (c) => fileResponse(c.req.raw, sent, { fileName: nameOf(c.req.url) }))
    return new Promise((resolve) => {
      const server = serveHono({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, () =>
        resolve(urlOf(server as Server)),
      )
    })
  },
}

async function fastify(http2: boolean): Promise<string> {
  // Fastify's types have a server of their own for each protocol; the plugin serves both.
  const app = Fastify({ ...(http2 ? { http2: true } : {}) } as object)
  await app.register(tempFiles, { manager: premises.manager })
  app.get('/', (request, reply) => reply.sendTempFile(sent, { fileName: nameOf(request.raw.url) }))
  closing.push(() => app.close())
  return app.listen({ port: 0, host: '127.0.0.1' })
}

test.each(Object.keys(SERVERS))('%s: curl saves every name as its ASCII fallback', async (adapter) => {
  const url = await SERVERS[adapter]?.()
  const http2 = adapter.includes('2') ? ['--http2-prior-knowledge'] : []
  for (const [index, [, , fallback]] of NAMES.entries()) {
    const directory = join(premises.directory, `curl-${index}`)
    await mkdir(directory)
    const args = ['-sSfOJ', '--max-time', '20', ...http2, '--output-dir', directory, `${url}/?n=${index}`]
    await run('curl', args)
    expect(await readdir(directory)).toEqual([fallback])
    expect(readFileSync(join(directory, fallback), 'utf8')).toBe('content')
  }
})

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) => existsSync(path))

describe.skipIf(executablePath === undefined)('file names in Chromium', () => {
  let browser: Browser | undefined
  afterAll(() => browser?.close())

  async function savedNames(url: string): Promise<string[]> {
    browser ??= await chromium.launch({
      ...(executablePath === undefined ? {} : { executablePath }),
      args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking'],
      env: { ...process.env, LC_ALL: 'C.UTF-8' }, // without UTF-8 it saves such names as 'download'
    })
    const page = await browser.newPage({ ignoreHTTPSErrors: true })
    const names: string[] = []
    for (const index of ALL.keys()) {
      const downloading = page.waitForEvent('download')
      await page.goto(`${url}/?n=${index}`).catch(() => {}) // a navigation that becomes a download is aborted
      names.push((await downloading).suggestedFilename())
    }
    await page.close()
    return names
  }

  const expected = NAMES.map(([, saved]) => saved.normalize()) // Chromium's own normal form

  test('Chromium saves every name exactly over HTTP/1.1', async () => {
    expect(await savedNames((await SERVERS['node:http']?.()) ?? '')).toEqual(expected)
  })

  test('Chromium saves every name exactly over HTTP/2', async () => {
    const key = join(premises.directory, 'key.pem')
    const cert = join(premises.directory, 'cert.pem')
    const subject = [
      '-nodes',
      '-subj',
      '/CN=localhost',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
    ]
    await run('openssl', ['req', '-x509', ...subject, '-keyout', key, '-out', cert])
    const versions = new Set<string>()
    const server = createSecureServer({ key: readFileSync(key), cert: readFileSync(cert) }, (req, res) => {
      versions.add(req.httpVersion)
      void sendFile(req, res, sent, { fileName: nameOf(req.url) })
    })
    server.on('session', (session) => closing.push(() => session.destroy()))
    expect(await savedNames(await urlOf(server, 'https'))).toEqual(expected)
    expect([...versions]).toEqual(['2.0'])
  })
})
