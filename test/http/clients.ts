// Clients that do what well-behaved libraries do not: send half a body, hang up, send broken forms.

import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface Part {
  readonly head: string
  readonly body: string | Buffer
}

export const BOUNDARY = 'x-boundary-x'

/** A text field. */
export function field(name: string, value: string): Part {
  return { head: `Content-Disposition: form-data; name="${name}"`, body: value }
}

/** A file field. */
export function file(
  name: string,
  fileName: string,
  body: string | Buffer,
  type = 'application/octet-stream',
): Part {
  return {
    head: `Content-Disposition: form-data; name="${name}"; filename="${fileName}"\r\nContent-Type: ${type}`,
    body,
  }
}

/** A multipart body; `closed: false` leaves the last boundary out. */
export function multipart(parts: readonly Part[], closed = true): Buffer {
  const pieces = parts.flatMap(({ head, body }) => [`--${BOUNDARY}\r\n${head}\r\n\r\n`, body, '\r\n'])
  return Buffer.concat(
    [...pieces, closed ? `--${BOUNDARY}--\r\n` : ''].map((piece) => Buffer.from(piece as string)),
  )
}

export const FORM_TYPE = `multipart/form-data; boundary=${BOUNDARY}`

/** POSTs a multipart body with fetch. */
export function post(url: string, body: Buffer, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    body: new Uint8Array(body),
    headers: { 'content-type': FORM_TYPE, ...headers },
  })
}

/** A raw connection that has sent the head of a POST and the first `bytes` of its body. */
export async function halfPost(port: number, path: string, body: Buffer, bytes: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(
    `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM_TYPE}\r\nContent-Length: ${body.length}\r\n\r\n`,
  )
  socket.write(body.subarray(0, bytes))
  return socket
}

/** A connection that announces a form of so many bytes, and sends a megabyte of a disguised video. */
export async function announced(port: number, path: string, name: string, bytes: number): Promise<Socket> {
  const start = multipart([file(name, 'zeros.mp4', Buffer.alloc(1_000_000))], false)
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(
    `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM_TYPE}\r\nContent-Length: ${bytes}\r\n\r\n`,
  )
  socket.write(start)
  return socket
}

export interface CurlResult {
  readonly status: number
  readonly out: string
  readonly exit: number
}

/** Runs curl; `out` is the response's body (binary as latin1), `exit` its own code. */
export function curl(...args: string[]): Promise<CurlResult> {
  return new Promise((resolve) => {
    const all = ['-sS', '--max-time', '20', '-w', '\n%{http_code}', ...args]
    execFile('curl', all, { encoding: 'latin1', maxBuffer: 64 * 1024 * 1024 }, (error, stdout) => {
      const end = stdout.lastIndexOf('\n')
      const exit = error === null ? 0 : Number(error.code)
      resolve({ status: Number(stdout.slice(end + 1)), out: stdout.slice(0, end), exit })
    })
  })
}

/**
 * Sends the head of a form over a last connection, reads the answer to its end and sends the body only then, as a client does
 * that reads late. Rejects when the server resets the connection.
 */
export async function answerBeforeBody(port: number): Promise<string> {
  const body = Buffer.alloc(2 * 1024 * 1024)
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.write(
    `POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${body.length}\r\n` +
      `Content-Type: ${FORM_TYPE}\r\n\r\n`,
  )
  let answer = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    answer += chunk
  })
  await once(socket, 'end')
  const closed = once(socket, 'close') // rejects on a reset
  socket.end(body)
  await closed
  return answer
}
