import { execFileSync } from 'node:child_process'
import { symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openToSend, readPart } from '../../src/http/file-bytes.ts'
import { fileResponse, type PutSource, putFile } from '../../src/http/index.ts'
import { tempBase } from '../fixtures/temp-base.ts'

async function bytes(content: string, start: number, end: number, size = content.length): Promise<string> {
  const path = join(tempBase(), 'file')
  writeFileSync(path, content)
  const handle = await open(path)
  onTestFinished(() => handle.close())
  truncateSync(path, size)
  let read = ''
  for await (const chunk of readPart(handle, start, end)) read += Buffer.from(chunk).toString()
  return read
}

test('readPart gives exactly the bytes asked for', async () => {
  expect(await bytes('0123456789', 2, 5)).toBe('234')
  expect(await bytes('0123456789', 0, 10)).toBe('0123456789')
  expect(await bytes('0123456789', 4, 4)).toBe('')
  const long = 'x'.repeat(1_000_000)
  expect(await bytes(long, 1, 999_999)).toBe(long.slice(2))
})

test('readPart rejects when the file ends before the part does', async () => {
  await expect(bytes('0123456789', 0, 10, 4)).rejects.toMatchObject({
    code: 'ERR_TEMP_TRUNCATED',
    details: { bytes: 4 },
  })
})

test('openToSend opens regular files only, and does not wait for the writer of a FIFO', async () => {
  const base = tempBase()
  const fifo = join(base, 'fifo')
  execFileSync('mkfifo', [fifo])
  await expect(openToSend({ path: fifo })).rejects.toMatchObject({ code: 'ERR_TEMP_OPTION_INVALID' })
  await expect(openToSend({ path: base })).rejects.toMatchObject({ code: 'ERR_TEMP_OPTION_INVALID' })
  await expect(openToSend({ path: join(base, 'none') })).rejects.toMatchObject({ code: 'ERR_TEMP_REMOVED' })
})

test('openToSend follows a link that is a plain path, and no link in the place of a temp file', async () => {
  const path = join(tempBase(), 'link')
  writeFileSync(`${path}ed`, 'x')
  symlinkSync(`${path}ed`, path)
  const { handle } = await openToSend({ path })
  await handle.close()
  await expect(openToSend({ path, kind: 'file' })).rejects.toMatchObject({ cause: { code: 'ELOOP' } })
})

test.each([['/a/path'], [undefined], [null], [7], [{}], [{ path: 7 }], [{ path: '' }], [{ path: 'a\0b' }]])(
  'what is not a file, %j, is refused before anything is sent',
  async (file) => {
    const wrong = file as unknown as PutSource
    const refused = { code: 'ERR_TEMP_OPTION_INVALID', details: { option: 'file' } }
    await expect(putFile('http://127.0.0.1:9/', wrong)).rejects.toMatchObject(refused)
    await expect(fileResponse(new Request('http://host/'), wrong)).rejects.toMatchObject(refused)
  },
)
