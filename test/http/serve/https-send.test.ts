// When a file that was sent over HTTPS is removed: a client that fails ends its TLS session in order (close_notify), as one
// that has read everything does; only the connection below distinguishes the two.

import { execFile, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import https, { createServer } from 'node:https'
import { connect as connectSocket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type SendResult, sendFile } from '../../../src/http/index.ts'
import type { ReceivedFile } from '../../../src/index.ts'
import { curl } from '../clients.ts'
import { listen, Premises, type Served } from '../premises.ts'

const run = promisify(execFile)
/** Fits into the buffers of a connection. */
const BYTES = 200_000

let pem: { key: Buffer; cert: Buffer }
let premises: Premises
let server: Served
let url: string
let sent: ReceivedFile
let outcome: Promise<SendResult>

beforeAll(() => {
  const directory = mkdtempSync(join(tmpdir(), 'tfm-cert-'))
  const key = join(directory, 'key.pem')
  const cert = join(directory, 'cert.pem')
  const algorithm = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
  const subject = ['-nodes', '-subj', '/CN=localhost', ...algorithm]
  execFileSync('openssl', ['req', '-x509', ...subject, '-keyout', key, '-out', cert], { stdio: 'ignore' })
  pem = { key: readFileSync(key), cert: readFileSync(cert) }
  rmSync(directory, { recursive: true })
})

beforeEach(async () => {
  premises = new Premises()
  sent = await premises.manager.receive(Buffer.alloc(BYTES))
  const https = createServer(pem)
  outcome = new Promise((resolve, reject) => {
    https.on('request', (req, res) => {
      sendFile(req, res, sent, { remove: 'after-full-body' }).then(resolve, reject)
    })
  })
  server = await listen(https)
  url = `https://127.0.0.1:${server.port}`
})

afterEach(async () => {
  await sent.remove()
  await premises.leave(server)
})

afterAll(() => https.globalAgent.destroy())

/** A client that has sent its request. */
async function requested(): Promise<TLSSocket> {
  const socket = connect({ port: server.port, host: '127.0.0.1', rejectUnauthorized: false })
  socket.on('error', () => {})
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await once(socket, 'secureConnect')
  return socket
}

describe('full bodies over HTTPS', () => {
  test.each(['1.2', '1.3'])('over HTTPS a file that curl has read is removed (TLS %s)', async (version) => {
    const { out } = await curl('-k', '--http1.1', '--tls-max', version, url)
    expect(out).toHaveLength(BYTES)
    expect(await outcome).toMatchObject({ fullySent: true, removed: true })
  })

  test('over HTTPS a file that a client of node:https has read is removed', async () => {
    const [response] = await once(https.get(url, { rejectUnauthorized: false }), 'response')
    response.resume()
    await once(response, 'end')
    expect(await outcome).toMatchObject({ removed: true })
  })

  test('over HTTPS a file that a client has read to the end of the connection is removed', async () => {
    const socket = await requested()
    socket.resume()
    await once(socket, 'end')
    expect(await outcome).toMatchObject({ removed: true })
  })

  test('over HTTPS a file that was read is removed although its client waits for a close_notify', async () => {
    const client = `
import socket, ssl, sys
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
tls = context.wrap_socket(socket.create_connection(('127.0.0.1', int(sys.argv[1]))))
tls.sendall(b'GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')
read = b''
while b'\\r\\n\\r\\n' not in read or len(read.split(b'\\r\\n\\r\\n', 1)[1]) < ${BYTES}: read += tls.recv(65536)
tls.unwrap().close()
`
    await run('python3', ['-c', client, String(server.port)])
    expect(await outcome).toMatchObject({ removed: true })
  })
})

describe('unread bodies over HTTPS', () => {
  test.skipIf(!existsSync('/dev/full')).each(['1.2', '1.3'])(
    'over HTTPS a file that curl could not write is kept (TLS %s)',
    async (version) => {
      const { exit } = await curl('-k', '--http1.1', '--tls-max', version, '--output', '/dev/full', url)
      expect(exit).toBe(23) // a write error
      expect(await outcome).toMatchObject({ removed: false })
      expect(existsSync(sent.path)).toBe(true)
    },
  )

  test('over HTTPS a file is kept whose client resets its connection some time after its close_notify', async () => {
    const ended = new Promise((resolve) => {
      server.server.once('secureConnection', (connection: TLSSocket) => connection.once('end', resolve))
    })
    const socket = connectSocket(server.port, '127.0.0.1')
    const client = connect({ socket, rejectUnauthorized: false })
    client.on('error', () => {})
    client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(client, 'readable')
    client.end()
    await ended
    socket.resetAndDestroy()
    expect(await outcome).toMatchObject({ removed: false })
    expect(existsSync(sent.path)).toBe(true)
  })

  test('over HTTPS a file that a client leaves unread is kept', async () => {
    const socket = await requested()
    await once(socket, 'readable')
    socket.destroy()
    expect(await outcome).toMatchObject({ removed: false })
    expect(existsSync(sent.path)).toBe(true)
  })
})
