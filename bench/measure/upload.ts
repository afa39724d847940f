// An upload over loopback, and how long until the server's answer.

import http from 'node:http'

const CHUNK = Buffer.alloc(256 * 1024, 7)

/** A body as it goes over the wire: the bytes alone, or wrapped as the one file of a form. */
export type Wrapping = 'raw' | 'form'

export async function upload(
  port: number,
  path: string,
  bytes: number,
  wrapping: Wrapping,
  onSent?: (bytes: number) => void,
): Promise<number> {
  const boundary = '----bench-7d1f8a'
  const head = Buffer.from(
    wrapping === 'raw'
      ? ''
      : `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="clip.bin"\r\ncontent-type: application/octet-stream\r\n\r\n`,
  )
  const tail = Buffer.from(wrapping === 'raw' ? '' : `\r\n--${boundary}--\r\n`)
  const type = wrapping === 'raw' ? 'application/octet-stream' : `multipart/form-data; boundary=${boundary}`
  const began = performance.now()
  const request = http.request({
    port,
    path,
    method: 'POST',
    headers: { 'content-type': type, 'content-length': head.length + bytes + tail.length },
  })
  if (head.length > 0) request.write(head)
  let left = bytes
  const go = (): void => {
    while (left > 0) {
      const piece = left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK
      left -= piece.length
      onSent?.(bytes - left)
      if (!request.write(piece)) return void request.once('drain', go)
    }
    request.end(tail)
  }
  go()
  const answer = await answerOf(request)
  if (answer !== 'ok') throw new Error(`${path} answered ${answer}`)
  return performance.now() - began
}

export async function get(port: number, path: string): Promise<string> {
  return await answerOf(http.get({ port, path }))
}

function answerOf(request: http.ClientRequest): Promise<string> {
  return new Promise((resolve, reject) => {
    request.once('error', reject)
    request.once('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (piece: string) => {
        text += piece
      })
      response.once('end', () => resolve(text))
      response.once('error', reject)
    })
  })
}
