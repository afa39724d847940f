// The examples of Koa, Hono and NestJS, each with its real framework: the same requests get the same answers.

import { readdirSync } from 'node:fs'
import type { Server } from 'node:net'
import { serve as serveHono } from '@hono/node-server'
import { TempFileManager } from 'temp-file-manager'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createApp as createHono } from '../../examples/hono/app.ts'
import { createApp as createKoa } from '../../examples/koa/app.ts'
import { createApp as createNest } from '../../examples/nestjs/app.ts'
import { tempBase } from '../fixtures/temp-base.ts'

const PDF = Buffer.concat([Buffer.from('%PDF-1.7\n'), Buffer.alloc(50_000, 'x'), Buffer.from('\n%%EOF')])

let manager: TempFileManager
let stop: () => Promise<unknown>

beforeEach(() => {
  manager = new TempFileManager({ baseDir: tempBase() })
})

afterEach(async () => {
  await stop()
  await manager.close()
})

function urlOf(server: Server): string {
  const address = server.address()
  return typeof address === 'object' ? `http://127.0.0.1:${address?.port}` : ''
}

const FRAMEWORKS: Record<string, () => Promise<string>> = {
  async Koa() {
    const app = createKoa(manager)
    app.silent = true // the refusals below are expected
    const server = await new Promise<Server>((resolve) => {
      const listening = app.listen(0, '127.0.0.1', () => resolve(listening))
    })
    stop = () => new Promise((resolve) => server.close(resolve))
    return urlOf(server)
  },
  async Hono() {
    const server = await new Promise<Server>((resolve) => {
      const listening = serveHono(
        { fetch: createHono(manager).fetch, port: 0, hostname: '127.0.0.1' },
        () => resolve(listening as Server), // a server of node:http, as no other was asked for
      )
    })
    stop = () => new Promise((resolve) => server.close(resolve))
    return urlOf(server)
  },
  async NestJS() {
    const app = await createNest(manager)
    app.useLogger(false)
    await app.listen(0, '127.0.0.1')
    stop = () => app.close()
    return urlOf(app.getHttpServer())
  },
}

function post(url: string, content: Buffer, name: string): Promise<Response> {
  const body = new FormData()
  body.set('document', new Blob([new Uint8Array(content)]), name)
  return fetch(`${url}/files`, { method: 'POST', body })
}

/** Koa and NestJS hold the claim until the response is over, which a quick client learns first. */
async function available(ticket: string): Promise<void> {
  await expect.poll(async () => (await manager.inspect(ticket)).state, { timeout: 20_000 }).toBe('available')
}

describe.each(Object.entries(FRAMEWORKS))('%s', (_, start) => {
  test('a file is received, sent whole and in part, and deleted', async () => {
    const url = await start()
    const received = await post(url, PDF, 'résumé.pdf')
    expect(received.status).toBe(201)
    const { ticket } = (await received.json()) as { ticket: string } // the example's own answer
    const whole = await fetch(`${url}/files/${ticket}`)
    expect(Buffer.from(await whole.arrayBuffer()).equals(PDF)).toBe(true)
    expect(whole.headers.get('content-disposition')).toContain("filename*=UTF-8''r%C3%A9sum%C3%A9.pdf")
    await available(ticket)
    const part = await fetch(`${url}/files/${ticket}`, { headers: { range: 'bytes=0-7' } })
    expect([part.status, await part.text()]).toEqual([206, '%PDF-1.7'])
    await available(ticket)
    const head = await fetch(`${url}/files/${ticket}`, { method: 'HEAD' })
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(PDF.length)])
    await available(ticket)
    expect((await fetch(`${url}/files/${ticket}`, { method: 'DELETE' })).status).toBe(204)
    expect((await fetch(`${url}/files/${ticket}`)).status).toBe(410)
    expect(readdirSync(`${manager.root}/handoffs`)).toEqual([])
  })

  test('a refused upload is a 415, 413 or 400 with its reason', async () => {
    const url = await start()
    const disguised = await post(url, Buffer.alloc(5_000), 'document.pdf')
    expect([disguised.status, await disguised.text()]).toEqual([415, expect.stringContaining('signature')])
    const large = await post(url, Buffer.concat([PDF, Buffer.alloc(1_000_000)]), 'document.pdf')
    expect([large.status, await large.text()]).toEqual([413, expect.stringMatching(/larger than/)])
    const noForm = await fetch(`${url}/files`, { method: 'POST', body: 'text' })
    expect([noForm.status, await noForm.text()]).toEqual([
      400,
      expect.stringContaining('multipart/form-data'),
    ])
  })
})
