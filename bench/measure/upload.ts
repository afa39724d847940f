// An upload over loopback, and how long until the server's answer.

import http from 'node:http'

const CHUNK = Buffer.alloc(256 * 1024, 7)

/** A body as it goes over the wire: the bytes alone, wrapped as the one file of a form, or a tus creation-with-upload. */
export type Wrapping = 'raw' | 'form' | 'tus'

const BOUNDARY = '----bench-7d1f8a'

function headersOf(wrapping: Wrapping, bytes: number): Record<string, string> {
  if (wrapping === 'form') return { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` }
  if (wrapping === 'raw') return { 'content-type': 'application/octet-stream' }
  return {
    'content-type': 'application/offset+octet-stream',
    'tus-resumable': '1.0.0',
    'upload-length': String(bytes),
  }
}

export async function upload(
  port: number,
  path: string,
  bytes: number,
  wrapping: Wrapping,
  onSent?: (bytes: number) => void,
): Promise<number> {
  const head = Buffer.from(
    wrapping !== 'form'
      ? ''
      : `--${BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="clip.bin"\r\ncontent-type: application/octet-stream\r\n\r\n`,
  )
  const tail = Buffer.from(wrapping !== 'form' ? '' : `\r\n--${BOUNDARY}--\r\n`)
  const began = performance.now()
  const request = http.request({
    port,
    path,
    method: 'POST',
    headers: { ...headersOf(wrapping, bytes), 'content-length': head.length + bytes + tail.length },
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
  await answerOf(request)
  return performance.now() - began
}

export async function get(port: number, path: string): Promise<string> {
  return await answerOf(http.get({ port, path }))
}

function answerOf(request: http.ClientRequest): Promise<string> {
  return new Promise((resolve, reject) => {
    request.once('error', reject)
    request.once('response', (response) => {
      const { statusCode = 0 } = response
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (piece: string) => {
        text += piece
      })
      response.once('end', () => {
        if (statusCode >= 200 && statusCode < 300) resolve(text)
        else reject(new Error(`answered ${statusCode}: ${text}`))
      })
      response.once('error', reject)
    })
  })
}
