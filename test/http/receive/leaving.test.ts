// The client that disconnects, and the client that must still read its answer.

import { getEventListeners, once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { request as httpRequest, type Server } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Form, type FormOptions, receiveBody, receiveForm } from '../../../src/http/index.ts'
import { fileRules, isTempFileError, type TempFileErrorCode } from '../../../src/index.ts'
import { announced, curl, FORM_TYPE, field, file, halfPost, multipart, post } from '../clients.ts'
import { Premises, type Served, serve, tellWhy } from '../premises.ts'

const MEGABYTE = 1024 * 1024

let premises: Premises
let server: Served
let rules: FormOptions
let outcome: Promise<TempFileErrorCode | 'received' | 'other'>
let onOutcome: (code: TempFileErrorCode | 'received' | 'other') => void

beforeEach(async () => {
  premises = new Premises()
  rules = {}
  outcome = new Promise((resolve) => {
    onOutcome = resolve
  })
  server = await serve(async (req, res) => {
    try {
      if (req.method === 'POST') {
        await using form = await receiveForm(req, premises.manager, rules)
        onOutcome('received')
        res.end(String(form.files.length))
      } else {
        await using stored = await receiveBody(req, premises.manager, {
          ...(rules.maxFileBytes === undefined ? {} : { maxBytes: rules.maxFileBytes }),
          ...(rules.accept === undefined ? {} : { accept: rules.accept }),
        })
        onOutcome('received')
        res.end(String(stored.bytes))
      }
    } catch (error) {
      onOutcome(isTempFileError(error) ? error.code : 'other')
      tellWhy(res, error)
    }
  })
})

afterEach(() => premises.leave(server))

describe('clients that go away', () => {
  const body = multipart([
    field('a', 'text'),
    file('f', 'a.bin', Buffer.alloc(300_000)),
    file('g', 'b.bin', Buffer.alloc(300_000)),
    field('z', 'text'),
  ])
  const points = [
    0,
    10,
    60,
    120,
    200,
    100_000,
    299_900,
    300_250,
    300_330,
    500_000,
    body.length - 40,
    body.length - 1,
  ]
  test.each(points)('a client that goes away after %i bytes of a form leaves nothing', async (bytes) => {
    const socket = await halfPost(server.port, '/', body, bytes)
    await once(server.server, 'request')
    socket.destroy()
    expect(await outcome).toBe('ERR_TEMP_ABORTED')
  })

  test.each(['end', 'resetAndDestroy'] as const)('a client that leaves by %s leaves nothing', async (how) => {
    const socket = await halfPost(server.port, '/', body, 400_000)
    await once(server.server, 'request')
    socket[how]()
    expect(await outcome).toBe('ERR_TEMP_ABORTED')
    socket.destroy()
  })

  test('a client that goes away in the middle of a raw body leaves nothing', async () => {
    const request = httpRequest({
      port: server.port,
      host: '127.0.0.1',
      method: 'PUT',
      headers: { 'content-length': 1000 },
    })
    request.on('error', () => {})
    request.write('half')
    await once(server.server, 'request')
    request.destroy()
    expect(await outcome).toBe('ERR_TEMP_ABORTED')
  })

  test('a client that goes away before receiveForm() is called leaves nothing', async () => {
    server.server.removeAllListeners('request')
    const result = new Promise<unknown>((resolve) => {
      server.server.on('request', (req) => {
        req.once('close', () => receiveForm(req, premises.manager).catch((error: unknown) => resolve(error)))
      })
    })
    const socket = await halfPost(server.port, '/', body, 100)
    await once(server.server, 'request')
    socket.destroy()
    expect(await result).toMatchObject({ code: 'ERR_TEMP_ABORTED' })
  })

  describe('that were answered before their body was complete', () => {
    /** Answers, as the callback of a timeout does, while the form is still on its way. */
    function answering(headers: Record<string, string>): Promise<unknown> {
      server.server.removeAllListeners('request')
      return new Promise((resolve) => {
        server.server.once('request', (req, res) => {
          receiveForm(req, premises.manager).then(resolve, resolve)
          req.once('data', () => res.writeHead(408, headers).end('too slow'))
        })
      })
    }

    test('a form ends with its connection, which an early answer closed', async () => {
      const result = answering({ connection: 'close' })
      const socket = await halfPost(server.port, '/', body, 100_000)
      socket.resume()
      expect(await result).toMatchObject({ code: 'ERR_TEMP_ABORTED' })
      socket.destroy()
    })

    test('a form ends when its client leaves after an early answer', async () => {
      const result = answering({})
      const socket = await halfPost(server.port, '/', body, 100_000)
      await once(socket, 'data')
      socket.destroy()
      expect(await result).toMatchObject({ code: 'ERR_TEMP_ABORTED' })
    })

    test('a form goes on after an early answer, if its client goes on', async () => {
      const result = answering({})
      const socket = await halfPost(server.port, '/', body, 100_000)
      await once(socket, 'data')
      socket.write(body.subarray(100_000))
      const form = await result
      expect(form).toMatchObject({ files: [{ bytes: 300_000 }, { bytes: 300_000 }] })
      await (form as Form).remove()
      socket.destroy()
    })

    test('a form is refused whose connection was closed by an early answer before receiveForm() is called', async () => {
      server.server.removeAllListeners('request')
      const result = new Promise<unknown>((resolve) => {
        server.server.once('request', (req, res) => {
          req.once('data', () => {
            req.pause()
            req.socket.once('close', () =>
              resolve(receiveForm(req, premises.manager).catch((error) => error)),
            )
            res.writeHead(408, { connection: 'close' }).end('too slow')
          })
        })
      })
      const socket = await halfPost(server.port, '/', body, 100_000)
      socket.resume()
      expect(await result).toMatchObject({ code: 'ERR_TEMP_ABORTED' })
      socket.destroy()
    })
  })
})

describe('signals', () => {
  test.each<[string, TempFileErrorCode, () => { abort?: () => void; signal: AbortSignal }]>([
    ['a signal of its options', 'ERR_TEMP_ABORTED', () => controlled()],
    ['a signal that aborted before', 'ERR_TEMP_ABORTED', () => ({ signal: AbortSignal.abort() })],
    ['a signal of a timeout', 'ERR_TEMP_TIMEOUT', () => ({ signal: AbortSignal.timeout(20) })],
  ])('%s ends an upload', async (_, code, make) => {
    const { signal, abort } = make()
    rules = { signal }
    const body = multipart([file('f', 'a.bin', Buffer.alloc(300_000))])
    const socket = await halfPost(server.port, '/', body, 100_000)
    if (!signal.aborted) await once(server.server, 'request').catch(() => {})
    abort?.()
    expect(await outcome).toBe(code)
    const [answer] = await once(socket, 'data')
    expect(String(answer)).toContain(code)
    expect(getEventListeners(signal, 'abort')).toEqual([])
    socket.destroy()
  })

  test('the disposal of the scope that owns the files ends an upload', async () => {
    server.server.removeAllListeners('request')
    const scope = premises.manager.scope()
    const result = new Promise<unknown>((resolve) => {
      server.server.on('request', (req) => void receiveForm(req, scope).catch(resolve))
    })
    const socket = await halfPost(
      server.port,
      '/',
      multipart([file('f', 'a.bin', Buffer.alloc(300_000))]),
      100_000,
    )
    await once(server.server, 'request')
    await scope[Symbol.asyncDispose]()
    expect(await result).toMatchObject({ code: 'ERR_TEMP_ABORTED' })
    socket.destroy()
  })

  function controlled(): { abort: () => void; signal: AbortSignal } {
    const controller = new AbortController()
    return { abort: () => controller.abort(), signal: controller.signal }
  }
})

describe('refused clients', () => {
  const sizes: [string, number][] = [
    ['a small rest', 200_000],
    ['8 MB to come', 8 * MEGABYTE],
    ['100 MB to come', 100 * MEGABYTE],
  ]
  const disguised = (size: number): Buffer => multipart([file('f', 'a.mp4', Buffer.alloc(size))])

  test.each(sizes)('fetch reads why its form is refused with %s', async (_, size) => {
    rules = { accept: fileRules.video }
    const response = await post(server.url, disguised(size))
    expect([response.status, await response.text()]).toEqual([415, 'ERR_TEMP_TYPE_REJECTED'])
  })

  test.each(sizes)('curl reads why its form is refused with %s', async (_, size) => {
    rules = { accept: fileRules.video }
    const big = join(premises.directory, 'big.mp4')
    await writeFile(big, Buffer.alloc(size))
    expect(await curl(server.url, '-F', `f=@${big}`)).toMatchObject({
      status: 415,
      out: 'ERR_TEMP_TYPE_REJECTED',
    })
  })

  test.each(sizes)('fetch reads why its raw body is refused with %s', async (_, size) => {
    rules = { maxFileBytes: 1000 }
    const response = await fetch(server.url, { method: 'PUT', body: new Uint8Array(size) })
    expect([response.status, await response.text()]).toEqual([413, 'ERR_TEMP_TOO_LARGE'])
  })

  test('a client that only reads when it has sent all of 12 MiB reads why it is refused', async () => {
    rules = { accept: fileRules.video }
    const body = disguised(12 * MEGABYTE)
    const socket = connect(server.port, '127.0.0.1')
    await once(socket, 'connect')
    socket.pause()
    socket.write(
      `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM_TYPE}\r\nContent-Length: ${body.length}\r\n\r\n`,
    )
    await new Promise((resolve) => socket.write(body, resolve))
    socket.resume()
    const [answer] = await once(socket, 'data')
    expect(String(answer)).toContain('415')
    socket.destroy()
  })

  test('a refused client keeps its connection if the rest is small', async () => {
    rules = { maxFileBytes: 10 }
    const body = disguised(100_000)
    const socket = await halfPost(server.port, '/', body, body.length)
    for (let i = 0; i < 3; i += 1) {
      const [answer] = await once(socket, 'data')
      expect(String(answer)).toContain('413')
      expect(String(answer)).toContain('keep-alive')
      socket.write(
        `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM_TYPE}\r\nContent-Length: ${body.length}\r\n\r\n`,
      )
      socket.write(body)
    }
    socket.destroy()
  })

  test('a refused client reads that the connection ends, if more is to come than is read', async () => {
    rules = { accept: fileRules.video }
    const socket = await announced(server.port, '/', 'f', 1024 ** 3)
    let answer = ''
    socket.setEncoding('utf8').on('data', (text) => {
      answer += text
    })
    await once(socket, 'end')
    expect(answer).toMatch(/^HTTP\/1.1 415 .*Connection: close/s)
    socket.destroy()
  })

  test('a refused client is disconnected if it was answered and then neither sends nor closes', async () => {
    server.server.keepAliveTimeout = 0 // or Node's own server would do it
    rules = { maxFileBytes: 10 }
    const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true })
    socket.on('error', () => {})
    socket.write(
      `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM_TYPE}\r\nTransfer-Encoding: chunked\r\n\r\n`,
    )
    const start = multipart([file('f', 'a.mp4', 'x'.repeat(20))], false)
    socket.write(`${start.length.toString(16)}\r\n${start}\r\n`)
    let answer = ''
    socket.setEncoding('utf8').on('data', (text) => {
      answer += text
    })
    await once(socket, 'end')
    expect(answer).toContain('413')
    await vi.waitFor(async () => expect(await connections(server.server)).toBe(0), 10_000)
    socket.destroy()
  }, 15_000)
})

function connections(of: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    of.getConnections((error, count) => (error ? reject(error) : resolve(count)))
  })
}
