// A server that refuses an upload early: it answers, closes its connection with the client's bytes unread, and its
// kernel sends a reset.

import { createServer, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { putFile } from '../../../src/http/index.ts'
import type { ReceivedFile } from '../../../src/index.ts'
import { Premises } from '../premises.ts'

let premises: Premises
let file: ReceivedFile
let answer: (socket: Socket) => void
let server: ReturnType<typeof createServer>
let url: string

beforeEach(async () => {
  premises = new Premises()
  file = await premises.manager.receive(Buffer.alloc(12 * 1024 * 1024))
  server = createServer((socket) => {
    socket.on('error', () => {})
    answer(socket)
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  url = typeof address === 'object' ? `http://127.0.0.1:${address?.port}` : ''
})

afterEach(async () => {
  await new Promise((resolve) => server.close(resolve))
  await file.remove()
  await premises.expectNothingOpen()
  await premises.close()
})

const refusal = 'HTTP/1.1 413 Payload Too Large\r\nConnection: close\r\nContent-Length: 9\r\n\r\ntoo large'

describe('early refusals', () => {
  test.each<[string, (socket: Socket) => void]>([
    ['at once', (socket) => socket.once('data', () => socket.end(refusal, () => socket.destroy()))],
    [
      'with a reset',
      (socket) => socket.once('data', () => socket.write(refusal, () => socket.resetAndDestroy())),
    ],
    [
      'after some megabytes',
      (socket) => {
        let bytes = 0
        socket.on('data', (chunk) => {
          bytes += chunk.length
          if (bytes > 3_000_000) socket.removeAllListeners('data').end(refusal, () => socket.destroy())
        })
      },
    ],
    [
      'cut off in its body',
      (socket) =>
        socket.once('data', () => socket.write(refusal.slice(0, -4), () => socket.resetAndDestroy())),
    ],
  ])('the status of an early refusal is read in 20 of 20 uploads: %s', async (_, how) => {
    answer = how
    for (let upload = 0; upload < 20; upload += 1) {
      await expect(putFile(url, file)).rejects.toMatchObject({
        code: 'ERR_TEMP_UPLOAD_FAILED',
        details: { status: 413, total: file.bytes },
      })
    }
  })
})

test('a success that comes before the whole file was sent, from a server that closes, is a failure', async () => {
  answer = (socket) =>
    socket.once('data', () =>
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', () => socket.destroy()),
    )
  await expect(putFile(url, file)).rejects.toMatchObject({
    code: 'ERR_TEMP_UPLOAD_FAILED',
    details: { status: 200 },
  })
})

describe('early successes', () => {
  const success = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

  test('an early success on a connection that stays open counts once the server has read the whole file', async () => {
    let bytes = 0
    let connection: Socket | undefined
    answer = (socket) => {
      connection = socket
      socket.once('data', () => socket.write(success))
      socket.on('data', (chunk) => {
        bytes += chunk.length
      })
    }
    expect(await putFile(url, file)).toMatchObject({ status: 200, body: 'ok' })
    await expect.poll(() => bytes).toBeGreaterThan(file.bytes)
    connection?.destroy()
  })

  test('an early success on a connection that stays open is given up when the server stops reading', async () => {
    let connection: Socket | undefined
    answer = (socket) => {
      connection = socket
      socket.once('data', () => socket.pause().write(success))
    }
    await expect(putFile(url, file, { timeout: 100 })).rejects.toMatchObject({ code: 'ERR_TEMP_TIMEOUT' })
    connection?.destroy()
  })
})

describe('answers that never end', () => {
  /** Answers with a head and then sends as much as is read, for ever. */
  const flood =
    (status: string, when: (bytes: number) => boolean) =>
    (socket: Socket): void => {
      let bytes = 0
      const more = (): void => {
        while (socket.write('8000\r\n'.padEnd(0x8000 + 6, 'x').concat('\r\n')));
      }
      socket.on('data', (chunk) => {
        bytes += chunk.length
        if (!when(bytes) || socket.listenerCount('drain') > 0) return
        socket.on('drain', more).write(`HTTP/1.1 ${status}\r\nTransfer-Encoding: chunked\r\n\r\n`)
        more()
      })
    }

  test.each([
    ['at once', () => true],
    ['after the file', (bytes: number) => bytes > file.bytes],
  ])('the status of a refusal whose text never ends is read: %s', async (_, when) => {
    answer = flood('413 Payload Too Large', when)
    await expect(putFile(url, file)).rejects.toMatchObject({
      code: 'ERR_TEMP_UPLOAD_FAILED',
      details: { status: 413, total: file.bytes },
    })
  })

  test('a refusal whose text comes byte by byte is not read to its end', async () => {
    let sending: NodeJS.Timeout | undefined
    answer = (socket) => {
      socket
        .on('close', () => clearInterval(sending))
        .once('data', () => {
          socket.write('HTTP/1.1 413 Payload Too Large\r\nContent-Length: 999999\r\n\r\n')
          sending = setInterval(() => socket.write('x'), 100)
        })
    }
    await expect(putFile(url, file)).rejects.toMatchObject({
      code: 'ERR_TEMP_UPLOAD_FAILED',
      details: { status: 413 },
    })
  })

  test.each([
    ['at once', () => true],
    ['after the file', (bytes: number) => bytes > file.bytes],
  ])('of a success whose text never ends the first 64 KiB are the result: %s', async (_, when) => {
    answer = flood('200 OK', when)
    const { status, body } = await putFile(url, file)
    expect({ status, bytes: body.length }).toEqual({ status: 200, bytes: 64 * 1024 })
  })

  test('a success whose text never ends, from a server that stops reading the file for a moment, is a success', async () => {
    const answered = flood('200 OK', () => true)
    answer = (socket) => {
      answered(socket)
      // The kernel stops too, where it has to send a segment once more: 200 ms at least (tcp(7), TCP_RTO_MIN).
      socket.once('data', () => socket.pause())
      setTimeout(() => socket.resume(), 400)
    }
    expect(await putFile(url, file)).toMatchObject({ status: 200 })
  })

  test('a success whose text never ends, from a server that does not read the file, is a failure', async () => {
    const answered = flood('200 OK', () => true)
    answer = (socket) => {
      answered(socket)
      socket.once('data', () => socket.pause())
    }
    await expect(putFile(url, file)).rejects.toMatchObject({
      code: 'ERR_TEMP_UPLOAD_FAILED',
      details: { status: 200 },
    })
  })
})

test('an answer that switches to another protocol is a failure', async () => {
  answer = (socket) =>
    socket.once('data', () =>
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'),
    )
  await expect(putFile(url, file)).rejects.toMatchObject({ code: 'ERR_TEMP_UPLOAD_FAILED' })
})

test('a connection that is reset without an answer fails with its cause', async () => {
  answer = (socket) => socket.once('data', () => socket.resetAndDestroy())
  const failure = putFile(url, file)
  await expect(failure).rejects.toMatchObject({
    code: 'ERR_TEMP_UPLOAD_FAILED',
    cause: expect.objectContaining({ code: expect.stringMatching(/ECONNRESET|EPIPE/) }),
  })
})

test('an error without a cause does not become its own cause', async () => {
  answer = (socket) => socket.once('data', () => socket.end(refusal, () => socket.destroy()))
  const error = await putFile(url, file).catch((thrown: unknown) => thrown)
  expect(error).not.toHaveProperty('cause')
})

test('the content type is that found in the bytes, unless the program gives one', async () => {
  const types: string[] = []
  answer = (socket) => {
    let head = ''
    let bytes = 0
    socket.on('data', (chunk) => {
      if (head === '') head = String(chunk)
      bytes += chunk.length
      if (bytes < head.indexOf('\r\n\r\n') + 4 + Number(/content-length: (\d+)/i.exec(head)?.[1])) return
      types.push(/content-type: (.*)\r/i.exec(head)?.[1] ?? '')
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
    })
  }
  const source = { path: file.path, detectedType: 'video/mp4' }
  await putFile(url, source)
  await putFile(url, source, { type: 'video/x-other' })
  await putFile(url, { path: file.path })
  expect(types).toEqual(['video/mp4', 'video/x-other', 'application/octet-stream'])
})
