import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { tempManager } from '../fixtures/temp-base.ts'

describe('open streams and handles', () => {
  test('an open write stream refuses a move of its file, and an open read stream does not', async () => {
    const manager = tempManager()
    const file = manager.file()
    const writing = file.createWriteStream()
    await once(writing, 'open')
    await expect(file.handOff()).rejects.toMatchObject({ code: 'ERR_TEMP_IO' })
    writing.end('content')
    await once(writing, 'close')
    const reading = file.createReadStream()
    await once(reading, 'open')
    await file.handOff()
    reading.destroy()
    await once(reading, 'close')
    await manager.close()
  })

  test('every open stream and handle of a file is closed before the file is removed', async () => {
    const manager = tempManager()
    const file = manager.file()
    const { path } = file
    const streams = [file.createReadStream(), file.createWriteStream()]
    const handle = await file.open('r+')
    const closed = Promise.all(streams.map((stream) => once(stream, 'close')))
    await file.remove()
    await closed
    expect(existsSync(path)).toBe(false)
    expect(handle.fd).toBe(-1)
    await manager.close()
  })
})
