// The Express and the Fastify example: one table, the same rows.

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { openAsBlob } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { get, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { ServerProcess } from '../../examples/demo/server-process.ts'
import { jobDone, MB, postClip, putBig } from '../../examples/demo/uploads.ts'
import { checkout, cleanUpAfterEach, filesBelow, have, ownDirectory } from './programs.ts'

cleanUpAfterEach()

const media = (name: string) => join(checkout, 'test/fixtures/media', name)
const sha256 = (bytes: ArrayBuffer) => createHash('sha256').update(new Uint8Array(bytes)).digest('hex')

/** The output of a program. */
async function run(program: string, options: readonly string[]): Promise<string> {
  return (await promisify(execFile)(program, options)).stdout.toLowerCase()
}

/** A server with a root of its own, stopped at the end; the root must then be empty. */
async function serve(
  framework: 'express' | 'fastify',
  use: (server: ServerProcess) => Promise<void>,
): Promise<void> {
  const directory = await ownDirectory()
  const server = await ServerProcess.start(framework, {
    TEMP_FILE_MANAGER_DIR: directory,
    CLIP_IDLE_MS: '100',
  })
  try {
    await use(server)
    expect(await server.end('SIGTERM')).toEqual({ status: 0, signal: null })
    expect(await filesBelow(directory)).toEqual([])
  } finally {
    await ServerProcess.endAll()
  }
}

/** Without fetch(), which adds 'no-cache' to a conditional request and so never sees a 304. */
async function statusOf(url: URL, headers: Record<string, string>): Promise<number | undefined> {
  // 'response' comes with the response.
  const [response] = (await once(get(url, { headers }), 'response')) as [IncomingMessage]
  response.resume()
  return response.statusCode
}

/** Asks /stats until it is as wanted. */
async function statsUntil(
  server: ServerProcess,
  wanted: (stats: Awaited<ReturnType<ServerProcess['stats']>>) => boolean,
) {
  for (;;) {
    const stats = await server.stats()
    if (wanted(stats)) return stats
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
}

describe.each(['express', 'fastify'] as const)('the %s example', (framework) => {
  test(`the ${framework} example makes of a clip a result that it serves, publishes and discards`, () =>
    serve(framework, async (server) => {
      const { status, job } = await postClip(server.url, media('clip.mkv'))
      expect(status).toBe(202)
      const done = await jobDone(server.url, job.id)
      expect(done).toMatchObject({ state: 'done', progress: 100, attempt: 1, name: 'clip.mkv' })

      const url = new URL(`jobs/${job.id}/result`, server.url)
      const whole = await fetch(url)
      const etag = whole.headers.get('etag') ?? ''
      expect(whole.headers.get('content-disposition')).toContain(done.result?.name)
      expect(sha256(await whole.arrayBuffer())).toBe(done.result?.sha256)
      const part = await fetch(url, { headers: { range: 'bytes=0-9' } })
      expect(part.status).toBe(206)
      expect((await part.arrayBuffer()).byteLength).toBe(10)
      expect((await fetch(url, { headers: { range: 'bytes=99999999-' } })).status).toBe(416)
      expect(await statusOf(url, { 'if-none-match': etag })).toBe(304)
      const head = await fetch(url, { method: 'HEAD' })
      expect(head.headers.get('content-length')).toBe(String(done.result?.bytes))

      const published = await fetch(new URL('publish', server.url), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ job: job.id }),
      })
      const lines = (await published.text())
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
      expect(lines.at(-2)).toEqual({ sent: done.result?.bytes, total: done.result?.bytes })
      expect(lines.at(-1)).toEqual({ sha256: done.result?.sha256 })

      expect((await fetch(new URL(`jobs/${job.id}`, server.url), { method: 'DELETE' })).status).toBe(204)
      expect((await fetch(url)).status).toBe(404)
    }))

  test(`the ${framework} example refuses a disguised file and an unknown kind with 415 and no trace`, () =>
    serve(framework, async (server) => {
      for (const name of [
        'disguised-elf.mkv',
        'disguised-html.mp4',
        'disguised-png.avi',
        'zeros.mov',
        'poster.png',
      ]) {
        const form = new FormData()
        form.set('clip', await openAsBlob(media(name)), name)
        const response = await fetch(new URL('uploads', server.url), { method: 'POST', body: form })
        expect([name, response.status]).toEqual([name, 415])
        expect(await response.json()).toMatchObject({ code: 'ERR_TEMP_TYPE_REJECTED' })
      }
      const stats = await statsUntil(server, ({ root }) => root.files === 0)
      expect(stats.jobs).toEqual({ queued: 0, working: 0, done: 0, failed: 0 })
    }))

  test(`the ${framework} example answers a malformed body with 400`, () =>
    serve(framework, async (server) => {
      const response = await fetch(new URL('publish', server.url), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"job":',
      })
      expect(response.status).toBe(400)
      expect(await response.json()).toMatchObject({ error: expect.any(String) })
    }))

  test(`the ${framework} example answers an address that cannot be decoded with 400`, () =>
    serve(framework, async (server) => {
      const response = await fetch(new URL('jobs/%ff', server.url))
      expect(response.status).toBe(400)
      expect(await response.json()).toMatchObject({ error: expect.any(String) })
    }))

  test(`the ${framework} example makes a real PDF for an invoice, which ends with its request`, () =>
    serve(framework, async (server) => {
      const response = await fetch(new URL('invoices/2026-001.pdf', server.url))
      expect(response.headers.get('content-type')).toBe('application/pdf')
      const text = Buffer.from(await response.arrayBuffer()).toString('latin1')
      expect(text.startsWith('%PDF-')).toBe(true)
      expect(text.trimEnd().endsWith('%%EOF')).toBe(true)
      await statsUntil(server, ({ root }) => root.files === 0)
    }))

  test(`the ${framework} example lets a request that is running at SIGTERM end`, () =>
    serve(framework, async (server) => {
      const upload = putBig(server.url, 8 * MB, 4 * MB)
      await upload.paused
      await statsUntil(server, ({ root }) => root.files === 1)
      const ended = server.end('SIGTERM')
      upload.resume()
      expect(await upload.answer).toEqual({ status: 200, bytes: 8 * MB, sha256: upload.sent() })
      expect(await ended).toEqual({ status: 0, signal: null })
    }))

  test.skipIf(!have('curl'))(
    `the ${framework} example serves curl: a form, a PUT, HEAD, a download that is resumed${have('curl') ? '' : ' (skipped: curl is not installed)'}`,
    () =>
      serve(framework, async (server) => {
        const curl = (...options: string[]) => run('curl', ['--silent', '--show-error', ...options])
        const uploaded = await curl('-F', `clip=@${media('clip.mkv')}`, `${server.url}uploads`)
        const done = await jobDone(server.url, JSON.parse(uploaded).id)
        const url = `${server.url}jobs/${done.id}/result`
        const file = join(await ownDirectory(), 'film.mp4')
        await curl('-r', '0-999', '-o', file, url)
        await curl('-C', '-', '-o', file, url)
        const bytes = await readFile(file)
        expect(createHash('sha256').update(bytes).digest('hex')).toBe(done.result?.sha256)
        expect(await curl('--head', url)).toContain(`content-length: ${bytes.length}`)
        const put = await curl('-T', file, `${server.url}checksum`)
        expect(JSON.parse(put)).toEqual({ bytes: bytes.length, sha256: done.result?.sha256 })
        await curl('-X', 'DELETE', `${server.url}jobs/${done.id}`)
      }),
  )

  test(`the ${framework} example shows a bounded worker pool that shrinks to nothing when idle`, () =>
    serve(framework, async (server) => {
      const jobs = await Promise.all(
        ['clip.mkv', 'clip.mov', 'clip.webm'].map((name) => postClip(server.url, media(name))),
      )
      const { pool } = await statsUntil(server, (stats) => stats.pool.threads > 0)
      expect(pool.threads).toBeLessThanOrEqual(pool.maxThreads)
      for (const { job } of jobs) {
        expect((await jobDone(server.url, job.id)).state).toBe('done')
        await fetch(new URL(`jobs/${job.id}`, server.url), { method: 'DELETE' })
      }
      const idle = await statsUntil(server, (stats) => stats.pool.threads === 0)
      expect(idle.pool.completed).toBe(3)
    }))

  test(`the ${framework} example finishes after a kill -9 what had been handed off before it`, async () => {
    const directory = await ownDirectory()
    const env = { TEMP_FILE_MANAGER_DIR: directory }
    try {
      const first = await ServerProcess.start(framework, { ...env, CLIP_WORK: 'off' })
      const { job } = await postClip(first.url, media('clip.mkv'))
      await first.end('SIGKILL')
      const second = await ServerProcess.start(framework, env)
      expect(second.found).toMatchObject({ sessions: 1, jobs: 1 })
      expect(await jobDone(second.url, job.id)).toMatchObject({ state: 'done', sha256: job.sha256 })
      await second.end('SIGTERM')
      // The result was not fetched: it outlives this server too, handed off again.
      const third = await ServerProcess.start(framework, env)
      expect((await jobDone(third.url, job.id)).state).toBe('done')
    } finally {
      await ServerProcess.endAll()
    }
  })
})
