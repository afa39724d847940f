// The table of cases that Express and Fastify must both pass: one body, many rows. After each row the session
// holds nothing, no descriptor is open that was not before, and no listener warning was given.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Form, FormOptions } from '../../../src/http/index.ts'
import { fileRules, type TempFileManager, type TempScope } from '../../../src/index.ts'
import { announced, curl, FORM_TYPE, field, file, halfPost, multipart, type Part, post } from '../clients.ts'
import { refuseCut } from '../mp4.ts'
import { media, Premises, type Served } from '../premises.ts'

/** The reports of the application under test. */
export interface Witness {
  /** Handlers that were reached, and those of them that came to their end. */
  reached: number
  ended: number
  scope?: TempScope
}

export type Start = (manager: TempFileManager, rules: FormOptions, witness: Witness) => Promise<Served>

/** The work of every application's handler of POST /uploads, by the form's field `then`. */
export async function handle(form: Form, scope: TempScope, witness: Witness): Promise<object> {
  witness.reached += 1
  witness.scope = scope
  try {
    const [first] = form.files
    switch (form.fields['then']) {
      case 'throw':
        await scope.receive('made on the way')
        throw new Error('the handler failed')
      case 'wait for the end of the request':
        await once(scope.signal, 'abort')
        return {}
      case 'hand off':
        return { ticket: await first?.handOff({ meta: { name: first.originalName } }) }
      default:
        return {
          files: form.files.map(({ originalName, bytes, digest }) => ({ originalName, bytes, digest })),
        }
    }
  } finally {
    witness.ended += 1
  }
}

const clip = readFileSync(media('clip.mp4'))
const then = (what: string): Part => field('then', what)
const video = file('video', 'clip.mp4', clip, 'video/mp4')

export function uploadTable(framework: string, start: Start): void {
  let premises: Premises
  let server: Served
  let witness: Witness

  const open = async (rules: FormOptions, tmpfs?: string): Promise<void> => {
    premises = new Premises({}, tmpfs)
    witness = { reached: 0, ended: 0 }
    server = await start(premises.manager, rules, witness)
  }

  describe(`an upload to ${framework}`, () => {
    beforeEach(() => open({ accept: fileRules.video, maxFiles: 3, hash: 'sha256' }))

    afterEach(async () => {
      await premises.expectNothingLeft()
      await server.close()
      await premises.expectNothingOpen()
      expect(witness.ended).toBe(witness.reached)
      await premises.close()
    })

    const big = file('video', 'clip.mp4', Buffer.concat([clip, Buffer.alloc(300_000)]))
    test.each<[string, readonly Part[], number]>([
      ['success', [field('title', 'x'), video], 200],
      ['success with three files', [video, video, video], 200],
      ['the handler throws', [then('throw'), video], 500],
      ['too many files', [video, video, video, video], 413],
      ['a wrong extension', [file('video', 'clip.exe', clip)], 415],
      ['a wrong extension after a good file', [video, file('video', 'notes.txt', 'text')], 415],
      ['a wrong declared type', [file('video', 'clip.mp4', clip, 'image/png')], 415],
      ['another format than that of the extension', [file('video', 'clip.avi', clip)], 415],
      ['disguised-elf.mkv', [fixture('disguised-elf.mkv')], 415],
      ['disguised-html.mp4', [fixture('disguised-html.mp4')], 415],
      ['disguised-png.avi', [fixture('disguised-png.avi')], 415],
      ['zeros.mov', [fixture('zeros.mov')], 415],
      ['a disguised file after a good one', [video, fixture('disguised-png.avi')], 415],
      ['an empty file', [fixture('empty.webm')], 422],
      ['truncated.mp4', [fixture('truncated.mp4')], 422],
      ['subtitles where video is asked for', [fixture('clip.srt')], 415],
    ])('%s', async (_, parts, status) => {
      const response = await post(`${server.url}/uploads`, multipart(parts))
      expect([response.status, await response.text()]).toEqual([status, expect.anything()])
    })

    test.each<[string, FormOptions, Part[]]>([
      ['of one file', { maxFileBytes: clip.length }, [big]],
      ['of one file by its rules', { accept: { ...fileRules.video, maxBytes: clip.length } }, [big]],
      ['of the whole body', { maxTotalBytes: clip.length }, [video]],
      ['of a text field', { maxFieldBytes: 10 }, [video, field('a', 'x'.repeat(11))]],
    ])('over the limit %s', async (_, rules, parts) => {
      await server.close()
      await premises.close()
      await open(rules)
      const response = await post(`${server.url}/uploads`, multipart(parts))
      expect(response.status).toBe(413)
      await response.text()
      expect(witness.reached).toBe(0)
    })

    test('refused long before its end: a gigabyte was announced, the first megabyte is enough', async () => {
      const socket = await announced(server.port, '/uploads', 'video', 1024 ** 3)
      const [answer] = await once(socket, 'data')
      expect(String(answer)).toMatch(/^HTTP\/1.1 415 /)
      socket.destroy()
    })

    test('refused with 100 MB to come, to curl', async () => {
      const path = join(premises.directory, 'zeros.mp4')
      await writeFile(path, Buffer.alloc(100 * 1024 * 1024))
      expect(await curl('-F', `video=@${path}`, `${server.url}/uploads`)).toMatchObject({ status: 415 })
    })

    test('a truncated video: its signature is right, `validate` finds it out', async () => {
      await server.close()
      await premises.close()
      await open({ accept: { ...fileRules.video, validate: refuseCut } })
      const refused = await post(
        `${server.url}/uploads`,
        multipart([video, file('video', 'cut.mp4', clip.subarray(0, -100))]),
      )
      expect([refused.status, await refused.text()]).toEqual([422, expect.stringContaining('cut off')])
    })

    test('truncated: no closing boundary', async () => {
      const response = await post(`${server.url}/uploads`, multipart([field('a', '1'), video], false))
      expect(response.status).toBe(400)
      await response.text()
    })

    test('no form at all', async () => {
      const response = await fetch(`${server.url}/uploads`, {
        method: 'POST',
        body: '{}',
        headers: { 'content-type': 'application/json' },
      })
      expect(response.status).toBe(400)
      await response.text()
    })

    const body = multipart([field('a', '1'), video, video])
    test.each([0, 20, 200, 5_000, clip.length, clip.length + 400, body.length - 20])(
      'the client aborts after %i bytes of the body',
      async (bytes) => {
        const socket = await halfPost(server.port, '/uploads', body, bytes)
        await once(server.server, 'request')
        socket.destroy()
        await once(socket, 'close')
      },
    )

    test('the client aborts after the body, and the handler’s signal aborts', async () => {
      const whole = multipart([then('wait for the end of the request'), video])
      const socket = await halfPost(server.port, '/uploads', whole, whole.length)
      await vi.waitFor(() => expect(witness.reached).toBe(1), { interval: 5 })
      expect(premises.left()).toHaveLength(1)
      socket.destroy()
      await vi.waitFor(() => expect(witness.ended).toBe(1), { interval: 5 })
      expect(witness.scope?.signal.aborted).toBe(true)
    })

    test('the client aborts with a reset while fifty others do the same or succeed', async () => {
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, i) =>
          i % 3 === 0 ? abandoned(server.port, body) : uploaded(server.port, body),
        ),
      )
      expect(results.filter((status) => status === 200)).toHaveLength(33)
      expect(results.filter((status) => status === 'aborted')).toHaveLength(17)
    })

    test('handed off in the request: survives the response', async () => {
      const response = await post(`${server.url}/uploads`, multipart([then('hand off'), video, video]))
      const { ticket } = (await response.json()) as { ticket: string }
      await premises.expectNothingLeft()
      await premises.manager.withClaim(ticket, async (claim) => {
        expect(claim.meta).toEqual({ name: 'clip.mp4' })
        expect(readFileSync(claim.path)).toEqual(clip)
        await claim.complete()
      })
    })

    test('not handed off: is there in the handler, and gone with the response', async () => {
      const response = await post(`${server.url}/uploads`, multipart([video]))
      expect(await response.json()).toMatchObject({
        files: [{ originalName: 'clip.mp4', bytes: clip.length }],
      })
    })
  })

  describe.runIf(process.getuid?.() === 0)(`a full disk under ${framework}`, () => {
    test('refuses what does not fit with 507, and serves on', async () => {
      await open({}, '4m')
      const response = await post(
        `${server.url}/uploads`,
        multipart([file('f', 'a.bin', Buffer.alloc(1_000_000)), file('f', 'b.bin', Buffer.alloc(6_000_000))]),
      )
      expect(response.status).toBe(507)
      await response.text()
      await premises.expectNothingLeft()
      const again = await post(`${server.url}/uploads`, multipart([video]))
      expect(again.status).toBe(200)
      await again.text()
      await premises.expectNothingLeft()
      await server.close()
      await premises.expectNothingOpen()
      await premises.close()
    })
  })
}

function fixture(name: string): Part {
  return file('video', name, readFileSync(media(name)))
}

/** Uploads the body in two halves, and returns the answer's status. */
function uploaded(port: number, body: Buffer): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      port,
      host: '127.0.0.1',
      method: 'POST',
      path: '/uploads',
      agent: false,
      headers: { 'content-type': FORM_TYPE, 'content-length': body.length },
    })
    request.on('error', reject)
    request.on('response', (response) => {
      response.resume().on('end', () => resolve(response.statusCode))
    })
    request.write(body.subarray(0, body.length / 2), () => request.end(body.subarray(body.length / 2)))
  })
}

/** Uploads the first half and resets the connection. */
async function abandoned(port: number, body: Buffer): Promise<'aborted'> {
  const socket = await halfPost(port, '/uploads', body, 0)
  await new Promise((resolve) => socket.write(body.subarray(0, body.length / 2), resolve))
  socket.resetAndDestroy()
  return 'aborted'
}
