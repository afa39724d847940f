// Forms on a disk that pauses at every write: a form is received whole, however it is cut, and never hangs.

import fs from 'node:fs'
import { readFile } from 'node:fs/promises'
import { request } from 'node:http'
import { describe, expect, test } from 'vitest'
import { type Form, type FormOptions, receiveForm } from '../../../src/http/index.ts'
import type { TempFileManager } from '../../../src/index.ts'
import { tempManager } from '../../fixtures/temp-base.ts'
import { FORM_TYPE, field, file, multipart } from '../clients.ts'
import { serve } from '../premises.ts'

/** A disk whose every open and write takes a few turns of the event loop. */
function pausing(): TempFileManager {
  const later = (work: () => void): void => void setImmediate(() => setImmediate(work))
  const open = ((...args: Parameters<typeof fs.open>) => later(() => fs.open(...args))) as typeof fs.open // its overloads
  const write = ((...args: Parameters<typeof fs.write>) => later(() => fs.write(...args))) as typeof fs.write // its overloads
  return tempManager({ fs: { ...fs, open, write } })
}

function fetchRequest(chunks: readonly Uint8Array[]): Request {
  const body = new ReadableStream({
    pull(controller) {
      const chunk = chunks[sent++]
      if (chunk === undefined) controller.close()
      else controller.enqueue(chunk)
    },
  })
  let sent = 0
  return new Request('http://localhost/', {
    method: 'POST',
    headers: { 'content-type': FORM_TYPE },
    body,
    duplex: 'half',
  } as RequestInit) // `duplex` is not in the types
}

async function contentsOf(form: Form): Promise<unknown> {
  const files = await Promise.all(form.files.map(({ path }) => readFile(path, 'latin1')))
  return { fields: { ...form.fields }, files }
}

const small = multipart([
  field('a', '1'),
  file('f', 'a.bin', 'x\r\n--x-bound'),
  file('g', 'b.bin', ''),
  field('z', '2'),
])
const smallContents = { fields: { a: '1', z: '2' }, files: ['x\r\n--x-bound', ''] }

describe('forms on a pausing disk', () => {
  test('a form of a Fetch request that is cut at any byte is received whole on a disk that pauses', async () => {
    const manager = pausing()
    for (let at = 0; at <= small.length; at += 1) {
      await using form = await receiveForm(fetchRequest([small.subarray(0, at), small.subarray(at)]), manager)
      expect(await contentsOf(form), `cut at ${at}`).toEqual(smallContents)
    }
  })

  test('a form of a node request that is cut at any byte is received whole on a disk that pauses', async () => {
    const manager = pausing()
    const server = await serve(async (req, res) => {
      await using form = await receiveForm(req, manager)
      res.end(JSON.stringify(await contentsOf(form)))
    })
    for (let at = 1; at < small.length; at += 1) {
      const answer = await new Promise<string>((resolve, reject) => {
        const sending = request(
          server.url,
          { method: 'POST', headers: { 'content-type': FORM_TYPE } },
          (res) => {
            let text = ''
            res.setEncoding('utf8').on('data', (chunk) => {
              text += chunk
            })
            res.on('end', () => resolve(text))
          },
        )
        sending.on('error', reject)
        sending.write(small.subarray(0, at), () => sending.end(small.subarray(at)))
      })
      expect(JSON.parse(answer), `cut at ${at}`).toEqual(smallContents)
    }
    await server.close()
  })

  test.each([[1], [2], [7]])(
    'a form with %i files of 300 KiB in one chunk is received whole on a disk that pauses',
    async (count) => {
      const content = 'y'.repeat(300 * 1024)
      const body = multipart(Array.from({ length: count }, () => file('f', 'a.bin', content)))
      await using form = await receiveForm(fetchRequest([body]), pausing())
      expect(form.files.map((each) => each.bytes)).toEqual(Array(count).fill(content.length))
    },
  )

  test('a form of 90 small files has at most 16 of them open concurrently', async () => {
    const manager = pausing()
    let most = 0
    const body = multipart(Array.from({ length: 90 }, (_, i) => file('f', `${i}.txt`, String(i))))
    const skip = (): boolean => {
      most = Math.max(most, fs.readdirSync('/proc/self/fd').filter((fd) => isInSession(fd, manager)).length)
      return false
    }
    await using form = await receiveForm(fetchRequest([body]), manager, { skip })
    expect(form.files).toHaveLength(90)
    expect(most).toBeLessThanOrEqual(16)
  })
})

test('a file that arrives byte by byte while the disk is busy is not read far ahead', async () => {
  const body = multipart([file('f', 'a.bin', 'x'.repeat(100_000))])
  let sent = 0
  let sentMeanwhile = 0
  const chunks = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (sent === body.length) controller.close()
      else controller.enqueue(Uint8Array.of(body[sent++] ?? 0))
    },
  })
  const open = ((...args: Parameters<typeof fs.open>) => {
    const opened = (): void => {
      sentMeanwhile = sent
      fs.open(...args)
    }
    setImmediate(() => setImmediate(opened)) // what can be read without the disk has been read by then
  }) as typeof fs.open // its overloads
  const headers = { 'content-type': FORM_TYPE }
  const init = { method: 'POST', headers, body: chunks, duplex: 'half' } as RequestInit // `duplex` is not in the types
  const form = await receiveForm(new Request('http://localhost/', init), tempManager({ fs: { ...fs, open } }))
  expect(form.files[0]?.bytes).toBe(100_000)
  expect(sentMeanwhile).toBeLessThan(5000) // each chunk costs a hundred bytes and more
})

function isInSession(fd: string, { sessionPath }: TempFileManager): boolean {
  try {
    return sessionPath !== undefined && fs.readlinkSync(`/proc/self/fd/${fd}`).startsWith(sessionPath)
  } catch {
    return false
  }
}

describe('a form as peers read it', () => {
  const receive = (body: Buffer, options?: FormOptions): Promise<Form> =>
    receiveForm(fetchRequest([body]), tempManager(), options)

  test('a part without Content-Disposition and an empty part are skipped', async () => {
    const body = multipart([{ head: 'X: 1', body: 'ignored' }, { head: '', body: '' }, field('a', '1')])
    expect({ ...(await receive(body)).fields }).toEqual({ a: '1' })
  })

  test('a part without Content-Disposition is bounded like text', async () => {
    const body = multipart([{ head: 'X: 1', body: 'x'.repeat(100) }])
    await expect(receive(body, { maxFieldBytes: 10 })).rejects.toMatchObject({
      code: 'ERR_TEMP_TOO_LARGE',
      details: { option: 'maxFieldBytes', limit: 10 },
    })
  })

  test('a multipart body without parts is an empty form', async () => {
    const form = await receive(multipart([]))
    expect([{ ...form.fields }, form.files]).toEqual([{}, []])
  })

  test('a file name that is not UTF-8 is latin1', async () => {
    const body = Buffer.from(
      multipart([file('f', 'r?sum?.pdf', 'x')])
        .toString()
        .replaceAll('?', '\xe9'),
      'latin1',
    )
    expect((await receive(body)).file('f')?.originalName).toBe('résumé.pdf')
  })

  test('a required file that skip left out is missing', async () => {
    const body = multipart([file('clip', 'a.mkv', 'x')])
    const fields = { clip: { required: true } }
    await expect(receive(body, { fields, skip: () => true })).rejects.toMatchObject({
      code: 'ERR_TEMP_FORM_INVALID',
      details: { field: 'clip' },
    })
  })

  test('skip leaves one file out, and the form goes on', async () => {
    const body = multipart([file('f', 'a.exe', 'x'.repeat(1000)), file('f', 'b.txt', 'y'), field('a', '1')])
    const form = await receive(body, { skip: async ({ originalName }) => originalName.endsWith('.exe') })
    expect(form.files.map((each) => each.originalName)).toEqual(['b.txt'])
    expect(form.fields['a']).toBe('1')
  })

  test.each([
    ['a truthy value', ({ originalName }: { originalName: string }) => originalName.match(/exe$/)],
    [
      'a thenable',
      ({ originalName }: { originalName: string }) => ({
        // biome-ignore lint/suspicious/noThenProperty: as a promise of another library
        then: (resolve: (skip: boolean) => void) => resolve(originalName.endsWith('.exe')),
      }),
    ],
  ])('skip from JavaScript may return %s', async (_what, skip) => {
    const body = multipart([file('f', 'a.exe', 'x'), file('f', 'b.txt', 'y')])
    const form = await receive(body, { skip: skip as unknown as NonNullable<FormOptions['skip']> })
    expect(form.files.map((each) => each.originalName)).toEqual(['b.txt'])
  })

  test.each([
    ['limits.fileBytes', { limits: { fileBytes: 3 } }, {}],
    ['accept.maxBytes', {}, { accept: { maxBytes: 3 } }],
    ['accept.maxBytes', {}, { fields: { f: { accept: { maxBytes: 3 } } } }],
    ['maxFileBytes', {}, { maxFileBytes: 3 }],
  ])('skip does not bypass %s (manager: %j, form: %j)', async (option, limits, rules) => {
    const body = multipart([file('f', 'a.txt', '1234')])
    for (const owner of [tempManager(limits), tempManager(limits).scope()])
      await expect(
        receiveForm(fetchRequest([body]), owner, { ...rules, skip: () => true }),
      ).rejects.toMatchObject({
        code: 'ERR_TEMP_TOO_LARGE',
        details: { option, limit: 3, field: 'f' },
      })
  })

  test('a JSON part sent as a Blob is a field with decodeJsonParts, and a file without it', async () => {
    const part = file('meta', 'blob', '{"a":[1]}', 'application/json')
    const decoded = await receive(multipart([part]), { decodeJsonParts: true })
    expect([decoded.fields['meta'], decoded.files.length]).toEqual([{ a: [1] }, 0])
    const plain = await receive(multipart([part]))
    expect(plain.file('meta')?.bytes).toBe(9)
  })

  test('broken JSON is refused with its field', async () => {
    const body = multipart([file('meta', 'blob', '{', 'application/json')])
    await expect(receive(body, { decodeJsonParts: true })).rejects.toMatchObject({
      code: 'ERR_TEMP_FORM_INVALID',
      details: { field: 'meta' },
    })
  })

  test.each<[string, FormOptions, object]>([
    ['maxFileBytes', { maxFileBytes: 3 }, { option: 'maxFileBytes', limit: 3, field: 'f' }],
    ['a field', { fields: { f: { maxBytes: 2 } } }, { option: "fields['f'].maxBytes", limit: 2, field: 'f' }],
    ['accept.maxBytes', { accept: { maxBytes: 1 } }, { option: 'accept.maxBytes', limit: 1, field: 'f' }],
    ['maxFiles', { maxFiles: 0 }, { option: 'maxFiles', limit: 0, field: 'f' }],
    ['maxFieldNameBytes', { maxFieldNameBytes: 0 }, { option: 'maxFieldNameBytes', limit: 0 }],
    ['maxTotalBytes', { maxTotalBytes: 9 }, { option: 'maxTotalBytes', limit: 9 }],
    ['a type', { accept: { types: ['image/*'] } }, { field: 'f', accepted: ['image/*'] }],
  ])('the error of a refused form carries the broken limit or rule: %s', async (_, options, details) => {
    await expect(receive(multipart([file('f', 'a.txt', 'xxxx')]), options)).rejects.toMatchObject({ details })
  })

  test('remove() and removeSync() remove the files of a form, twice without harm', async () => {
    const body = multipart([file('f', 'a.txt', 'x'), file('g', 'b.txt', 'y')])
    const [one, other] = [await receive(body), await receive(body)]
    await one.remove()
    await one.remove()
    other.removeSync()
    other.removeSync()
    for (const { path } of [...one.files, ...other.files]) expect(fs.existsSync(path)).toBe(false)
  })
})
