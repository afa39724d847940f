// Real clients that send a large body, and what each of them reads when it is refused.

import { execFile } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { request } from 'node:http'
import { Agent, request as undici } from 'undici'
import { curl } from '../clients.ts'

/** Sends the file at `path` with PUT and returns the status that the client read; throws what the client reports. */
export type Client = (url: string, path: string, bytes: number) => Promise<number>

const PYTHON = `
import http.client, os, sys, urllib.parse
url, path, version, connection = urllib.parse.urlparse(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
client = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
headers = {'Connection': connection}
if version == '1.0':
    client._http_vsn, client._http_vsn_str = 10, 'HTTP/1.0'
    headers['Content-Length'] = str(os.path.getsize(path))
with open(path, 'rb') as body:
    client.request('PUT', '/', body=body, headers=headers)
print(client.getresponse().status)
`

const python =
  (version: string, connection: string): Client =>
  (url, path) =>
    new Promise((resolve, reject) => {
      execFile('python3', ['-c', PYTHON, url, path, version, connection], (error, stdout) => {
        if (error) reject(error)
        else resolve(Number(stdout))
      })
    })

export const CLIENTS: readonly [string, Client][] = [
  ['curl', async (url, path) => (await curl('-T', path, url)).status],
  [
    'curl, Connection: close',
    async (url, path) => (await curl('-H', 'Connection: close', '-T', path, url)).status,
  ],
  ['curl, HTTP/1.0', async (url, path) => (await curl('--http1.0', '-T', path, url)).status],
  ['Python', python('1.1', 'keep-alive')],
  ['Python, Connection: close', python('1.1', 'close')],
  ['Python, HTTP/1.0', python('1.0', 'close')],
  [
    'undici',
    async (url, path, bytes) => {
      const dispatcher = new Agent()
      try {
        const { statusCode, body } = await undici(url, {
          method: 'PUT',
          body: createReadStream(path),
          headers: { 'content-length': String(bytes) },
          dispatcher,
        })
        await body.text()
        return statusCode
      } finally {
        await dispatcher.destroy()
      }
    },
  ],
  [
    'node:http',
    (url, path, bytes) =>
      new Promise((resolve, reject) => {
        const body = createReadStream(path)
        const sending = request(url, { method: 'PUT', headers: { 'content-length': bytes } }, (response) => {
          body.destroy()
          response.resume().on('end', () => {
            resolve(response.statusCode ?? 0)
            sending.destroy()
          })
        })
        sending.on('error', reject)
        body.pipe(sending)
      }),
  ],
]
