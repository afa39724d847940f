// Builds the application, starts it, and uses it: npm test. Next.js is large, so it has a lock file of its own and is
// not part of the package's test suite.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const cwd = fileURLToPath(new URL('.', import.meta.url))
const next = createRequire(import.meta.url).resolve('next/dist/bin/next')
const directory = mkdtempSync(join(tmpdir(), 'nextjs-example-'))
const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1', TEMP_FILE_MANAGER_DIR: directory }

const built = spawnSync(process.execPath, [next, 'build'], { cwd, env, stdio: 'inherit' })
assert.equal(built.status, 0, 'next build failed')

const server = spawn(process.execPath, [next, 'start', '--port', '0', '--hostname', '127.0.0.1'], {
  cwd,
  env,
  stdio: ['ignore', 'pipe', 'inherit'],
})
try {
  const url = await address()
  const pdf = Buffer.concat([Buffer.from('%PDF-1.7\n'), Buffer.alloc(50_000, 'x'), Buffer.from('\n%%EOF')])
  const received = await post(url, pdf)
  assert.equal(received.status, 201)
  const { ticket } = await received.json()
  const whole = await fetch(`${url}/files/${ticket}`)
  assert.ok(Buffer.from(await whole.arrayBuffer()).equals(pdf))
  assert.match(whole.headers.get('content-disposition'), /filename\*=UTF-8''r%C3%A9sum%C3%A9\.pdf/)
  const part = await fetch(`${url}/files/${ticket}`, { headers: { range: 'bytes=0-7' } })
  assert.deepEqual([part.status, await part.text()], [206, '%PDF-1.7'])
  const head = await fetch(`${url}/files/${ticket}`, { method: 'HEAD' })
  assert.deepEqual([head.status, head.headers.get('etag')], [200, whole.headers.get('etag')]) // Next.js leaves out the length
  assert.equal((await fetch(`${url}/files/${ticket}`, { method: 'DELETE' })).status, 204)
  assert.equal((await fetch(`${url}/files/${ticket}`)).status, 410)
  const disguised = await post(url, Buffer.alloc(5_000))
  assert.equal(disguised.status, 415)
  assert.equal(disguised.headers.get('content-type'), 'application/problem+json')
  assert.equal((await post(url, Buffer.concat([pdf, Buffer.alloc(1_000_000)]))).status, 413)
  assert.equal((await fetch(`${url}/files`, { method: 'POST', body: 'text' })).status, 400)
  console.log('The Next.js example: 10 checks passed.')
} finally {
  server.kill('SIGTERM')
  await once(server, 'exit')
  rmSync(directory, { recursive: true, force: true })
}

/** The address that the server prints. Its output is read on: a pipe that is closed would end it. */
function address() {
  return new Promise((resolve, reject) => {
    let output = ''
    server.once('exit', () => reject(new Error(`next start ended: ${output}`)))
    server.stdout.setEncoding('utf8').on('data', (text) => {
      output += text
      const url = /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0]
      if (url !== undefined) resolve(url)
    })
  })
}

function post(url, content) {
  const body = new FormData()
  body.set('document', new Blob([content]), 'résumé.pdf')
  return fetch(`${url}/files`, { method: 'POST', body })
}
