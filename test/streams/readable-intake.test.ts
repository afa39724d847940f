// Node streams: no event is missed, no listener is left.

import { readFile } from 'node:fs/promises'
import { PassThrough, Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { listeners } from './receiving.ts'
import { ENDINGS, mine, opening, passThrough, turn } from './subjects.ts'

test.each(ENDINGS)('a Node stream that ends by %s keeps no listener', async (ending, code) => {
  const subject = passThrough()
  const before = listeners(subject.source)
  const receiving = opening(() => subject[ending]?.()).receive(subject.source)
  if (code === undefined) await receiving
  else await expect(receiving).rejects.toMatchObject({ code })
  await turn()
  expect(listeners(subject.source)).toEqual(before)
})

test('a stream that fails as it destroys itself after its end is whole, and does not crash the process', async () => {
  const source = new Readable({
    read() {
      this.push('whole')
      this.push(null)
    },
    destroy(_error, callback) {
      setImmediate(callback, mine)
    },
  })
  const closed = new Promise((resolve) => source.once('close', resolve))
  await using file = await opening(() => {}).receive(source)
  expect(file.bytes).toBe(5)
  await closed
  expect(source.listenerCount('error')).toBe(0)
})

test('a stream that is already flowing loses no chunk while the file is opened', async () => {
  const source = new PassThrough()
  source.resume()
  const manager = opening(async () => {
    source.write('one ')
    await turn()
    source.end('two')
    await turn()
  })
  await using file = await manager.receive(source)
  expect(await readFile(file.path, 'utf8')).toBe('one two')
})
