// The messages of the diagnostics channel of uploads. Guarantee: one message for each change, after the change is committed.

import { type ChannelListener, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { readdirSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { tempManager } from '../fixtures/temp-base.ts'

const CHANNEL = 'temp-file-manager:upload'

/** The messages from now on. */
function events(): unknown[] {
  const messages: unknown[] = []
  const listen: ChannelListener = (message) => messages.push(message)
  subscribe(CHANNEL, listen)
  onTestFinished(() => void unsubscribe(CHANNEL, listen))
  return messages
}

test('a discarded upload is reported with the bytes it had', async () => {
  const manager = tempManager()
  const upload = await manager.createUpload({})
  await upload.append('12345')
  const messages = events()
  await upload.discard()
  await upload.discard()
  expect(messages).toEqual([{ id: upload.id, event: 'discarded', bytes: 5 }])
})

test('a refused upload is reported as discarded', async () => {
  const manager = tempManager()
  const upload = await manager.createUpload({ length: 5 })
  const messages = events()
  await expect(upload.append('longer than declared')).rejects.toMatchObject({ code: 'ERR_TEMP_TOO_LARGE' })
  expect(messages).toMatchObject([{ id: upload.id, event: 'discarded' }])
})

test('a take-over is reported with the offset from which it continues, an ordinary opening is not', async () => {
  const manager = tempManager()
  const first = await manager.createUpload({})
  await first.append('12345')
  await first.release()
  const messages = events()
  await using second = await manager.openUpload(first.id, { whenBusy: 'take-over' })
  expect(messages).toEqual([])
  const source = new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from('678')) })
  const interrupted = second
    .append(source)
    .catch((error: unknown) => error)
    .finally(() => second.release())
  await expect.poll(() => second.offset).toBe(8)
  await using third = await manager.openUpload(first.id, { whenBusy: 'take-over' })
  expect(await interrupted).toMatchObject({ code: 'ERR_TEMP_HANDOFF_CLAIMED' })
  expect(messages).toEqual([{ id: first.id, event: 'taken-over', bytes: third.offset }])
})

test('an upload whose bytes are missing on the disk is reported as lost', async () => {
  const manager = tempManager()
  const upload = await manager.createUpload({})
  await upload.append('12345')
  await upload.release()
  const data = join(manager.root, 'uploads', upload.id, 'data')
  for (const name of readdirSync(data)) truncateSync(join(data, name), 2)
  const messages = events()
  await expect(manager.openUpload(upload.id)).rejects.toMatchObject({ code: 'ERR_TEMP_HANDOFF_GONE' })
  expect(messages).toEqual([{ id: upload.id, event: 'lost' }])
})

test('an upload that a sweep removes is reported as expired', async () => {
  const manager = tempManager()
  const upload = await manager.createUpload({ maxAge: 1 })
  await upload.release()
  await expect.poll(async () => (await manager.uploads())[0]?.expiresInMs).toBeLessThan(0)
  const messages = events()
  expect((await manager.sweep()).uploadsExpired).toEqual([upload.id])
  expect(messages).toEqual([{ id: upload.id, event: 'expired' }])
})
