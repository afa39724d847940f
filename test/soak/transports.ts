// The ways in which the requests of the soak travel. Guarantee: each call uses a connection of its own or gives it back,
// so that after a round the server has none.

import { once } from 'node:events'
import { type Agent, request as httpRequest } from 'node:http'
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { Readable } from 'node:stream'

/** One request; `left`: the client disconnects after its last byte and reads nothing. */
export interface Sending {
  readonly port: number
  readonly path: string
  readonly type: string
  readonly length: number
  readonly body: Iterable<Uint8Array>
  readonly left: boolean
}

export interface Answer {
  readonly status: number | undefined
  readonly text: string
}

export type Transport = (sending: Sending) => Promise<Answer>

const LEFT: Answer = { status: undefined, text: '' }

/** HTTP/1.1 by node:http, over the connections of an agent, or over one with `Connection: close`. */
export const http1 =
  (agent: Agent | false): Transport =>
  ({ port, path, type, length, body, left }) =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': type, 'content-length': length }
      const source = Readable.from(body, { objectMode: false })
      const request = httpRequest({ port, path, method: 'POST', agent, headers }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          source.destroy()
          if (!request.writableFinished) request.destroy()
          resolve({ status: response.statusCode, text: Buffer.concat(chunks).toString() })
        })
      })
      request.on('error', (error) => (left ? resolve(LEFT) : reject(error)))
      source.pipe(request, { end: !left })
      if (left) source.on('end', () => request.destroy(new Error('the client leaves')))
    })

/** HTTP/1.0, as nginx speaks it to the server behind it: everything is sent, then the answer is read. */
export const http10: Transport = ({ port, path, type, length, body, left }) =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    const chunks: Buffer[] = []
    let failure: Error | undefined
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.on('error', (error) => {
      failure = error
    })
    socket.on('close', () => {
      const text = Buffer.concat(chunks).toString()
      const status = /^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1]
      if (left) resolve(LEFT)
      else if (status === undefined)
        reject(failure ?? new Error('The connection was closed without an answer.'))
      else resolve({ status: Number(status), text: text.slice(text.indexOf('\r\n\r\n') + 4) })
    })
    const head = `POST ${path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\n\r\n`
    const source = Readable.from([Buffer.from(head), ...body], { objectMode: false })
    source.pipe(socket, { end: false })
    if (left) source.on('end', () => socket.destroy())
  })

/** HTTP/2: one connection for all requests of a round. */
export const http2 =
  (session: ClientHttp2Session): Transport =>
  async ({ path, type, length, body, left }) => {
    const headers = { ':method': 'POST', ':path': path, 'content-type': type, 'content-length': length }
    const stream = session.request(headers)
    let status: number | undefined
    const chunks: Buffer[] = []
    stream.on('response', (answer) => {
      status = answer[':status']
    })
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('error', () => {}) // a refusal may end with a reset; the answer came before it
    const source = Readable.from(body, { objectMode: false })
    stream.once('end', () => stream.destroy()) // Node's client does not close a stream that was refused while it writes
    stream.once('close', () => source.destroy())
    source.pipe(stream, { end: !left })
    if (left) source.on('end', () => stream.close(8)) // CANCEL
    if (!stream.closed) await once(stream, 'close')
    if (!left && status === undefined) throw new Error('The stream was closed without an answer.')
    return left ? LEFT : { status, text: Buffer.concat(chunks).toString() }
  }

export async function http2Session(port: number): Promise<ClientHttp2Session> {
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  await once(session, 'connect')
  return session
}
