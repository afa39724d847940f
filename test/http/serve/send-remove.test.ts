// When the file that was sent is removed, and when not.

import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { Agent, request as httpRequest } from 'node:http'
import { connect, type Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { type SendOptions, type SendResult, sendFile } from '../../../src/http/index.ts'
import { curl } from '../clients.ts'
import { content, sending } from './sending.ts'

const here = sending()

describe('the removal of sent files', () => {
  const range = { range: 'bytes=0-10' }
  test.each<[SendOptions['remove'], string, Record<string, string>, number, boolean]>([
    ['after-full-body', 'GET', {}, 200, true],
    ['after-full-body', 'GET', { range: 'bytes=0-1,3-4' }, 200, true],
    ['after-full-body', 'HEAD', {}, 200, false],
    ['after-full-body', 'GET', range, 206, false],
    ['after-full-body', 'GET', { range: 'bytes=0-' }, 206, false],
    ['after-full-body', 'GET', { range: 'bytes=100000-' }, 416, false],
    ['after-full-body', 'GET', { 'if-none-match': '*' }, 304, false],
    ['after-full-body', 'GET', { 'if-match': '"x"' }, 412, false],
    ['after-full-body', 'POST', {}, 200, false],
    ['after-response', 'GET', range, 206, true],
    ['after-response', 'HEAD', {}, 200, true],
    ['never', 'GET', {}, 200, false],
  ])(
    'with remove: %s, a %s with %o that is answered with %i removes the file: %s',
    async (remove, method, headers, status, removed) => {
      here.options = { remove }
      expect((await here.get(headers, method)).status).toBe(status)
      expect(await here.outcome).toMatchObject({ status, fullySent: true, removed })
      expect(existsSync(here.sent.path)).toBe(!removed)
    },
  )

  test.each<[SendOptions['remove'], boolean]>([
    ['after-full-body', false],
    ['after-response', true],
  ])(
    'with remove: %s, a client that leaves in the middle of the body removes the file: %s',
    async (remove, removed) => {
      await using big = await here.premises.manager.receive(Buffer.alloc(50 * 1024 * 1024))
      here.entry = big
      here.options = { remove }
      const request = httpRequest({ port: here.server.port, host: '127.0.0.1' }).end()
      const [response] = await once(request, 'response')
      await once(response, 'data')
      request.destroy()
      expect(await here.outcome).toMatchObject({ status: 200, fullySent: false, removed })
      expect(existsSync(big.path)).toBe(!removed)
    },
  )

  test('a file is not removed when the program ends the response in the middle of the body', async () => {
    await using big = await here.premises.manager.receive(Buffer.alloc(50 * 1024 * 1024))
    here.entry = big
    here.options = { remove: 'after-full-body' }
    const answering = once(here.server.server, 'request')
    const socket = connect(here.server.port, '127.0.0.1')
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    const [, response] = await answering
    await once(socket, 'data')
    const closed = once(socket, 'close')
    response.end() // as a timeout does
    socket.resume()
    expect(await here.outcome).toMatchObject({ status: 200, fullySent: false, removed: false })
    expect(existsSync(big.path)).toBe(true)
    await closed
  })

  test.each<[string, (socket: Socket) => void]>([
    ['destroy', (socket) => void socket.destroy()],
    ['resetAndDestroy', (socket) => void socket.resetAndDestroy()],
    ['end, then destroy', (socket) => void socket.end(() => socket.destroy())],
  ])('a file is not removed after a full body that the client leaves unread (%s)', async (_, leave) => {
    here.options = { remove: 'after-full-body' }
    const written = new Promise<void>((resolve) => {
      here.server.server.on('request', (_req, res) => res.once('finish', resolve))
    })
    const socket = connect(here.server.port, '127.0.0.1', () =>
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    )
    socket.pause()
    await written
    await new Promise((resolve) => socket.once('readable', resolve)) // it has come, and is not read
    leave(socket)
    expect(await here.outcome).toMatchObject({ status: 200, removed: false })
    expect(existsSync(here.sent.path)).toBe(true)
  })

  test.each<[string, () => Promise<unknown>]>([
    ['curl', () => curl(here.server.url)],
    ['curl with HTTP/1.0', () => curl('-0', here.server.url)],
    ['fetch', () => here.get()],
    ['http.request that keeps its connections', () => kept()],
  ])('a file is removed after a full body that %s has read', async (_, download) => {
    here.options = { remove: 'after-full-body' }
    await download()
    expect(await here.outcome).toMatchObject({ status: 200, fullySent: true, removed: true })
  })

  async function kept(): Promise<void> {
    const agent = new Agent({ keepAlive: true })
    const [response] = await once(
      httpRequest({ port: here.server.port, host: '127.0.0.1', agent }).end(),
      'response',
    )
    response.resume()
    await once(response, 'end')
    agent.destroy()
  }

  test('a file is not removed when the client disconnects before the answer starts', async () => {
    here.options = { remove: 'after-full-body' }
    here.server.server.removeAllListeners('request')
    const result = new Promise<SendResult>((resolve) => {
      here.server.server.on('request', (req, res) => {
        res.once('close', () => void sendFile(req, res, here.entry, here.options).then(resolve))
      })
    })
    const socket = connect(here.server.port, '127.0.0.1', () =>
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    )
    await once(here.server.server, 'request')
    socket.destroy()
    expect(await result).toEqual({ status: 200, bytes: 0, fullySent: false, removed: false })
  })

  test('the removal of a claimed file after its full body completes the handoff', async () => {
    const ticket = await here.sent.handOff()
    const claim = await here.premises.manager.claim(ticket)
    if (claim.kind !== 'file') throw new Error('a file was handed off')
    here.entry = claim
    here.options = { remove: 'after-full-body' }
    expect((await here.get()).body).toEqual(content)
    expect(await here.outcome).toMatchObject({ removed: true })
    await expect(here.premises.manager.inspect(ticket)).rejects.toMatchObject({
      code: 'ERR_TEMP_HANDOFF_GONE',
    })
  })
})
