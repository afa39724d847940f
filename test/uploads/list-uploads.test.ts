import { cpSync, existsSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { everyStep } from '../fixtures/every-step.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

test('uploads are listed with their state, their bytes and who writes to them', async () => {
  const manager = tempManager()
  const waiting = await manager.createUpload({ length: 9, originalName: 'w.txt', meta: { n: 1 } })
  await waiting.append('12345')
  await waiting.release()
  const held = await manager.createUpload()
  const done = await manager.createUpload()
  await done.append('abc')
  const { ticket } = await done.finish()
  await done.release()
  const spoilt = await manager.createUpload()
  await spoilt.release()
  writeFileSync(join(manager.root, 'uploads', spoilt.id, 'upload.json'), '{}')

  const listed = new Map((await manager.uploads()).map((upload) => [upload.id, upload]))
  expect(listed.get(waiting.id)).toMatchObject({
    state: 'waiting',
    bytes: 5,
    length: 9,
    originalName: 'w.txt',
    meta: { n: 1 },
    writer: undefined,
  })
  expect(listed.get(held.id)).toMatchObject({
    state: 'receiving',
    bytes: 0,
    length: undefined,
    expiresInMs: undefined,
    writer: { pid: process.pid },
  })
  expect(listed.get(done.id)).toMatchObject({ state: 'finished', bytes: 0, length: 3, ticket })
  expect(listed.get(spoilt.id)).toMatchObject({ state: 'corrupt', problem: expect.stringMatching(/./) })
  await held.discard()
})

test('after a kill at any step of finish() an upload is listed as openUpload() finds it', async () => {
  const kills = tempBase()
  let step = 0
  let claim = ''
  const fs = everyStep(() => {
    if (existsSync(claim)) cpSync(claim, join(kills, String(step++)), { recursive: true })
  })
  const manager = tempManager({ fs })
  const upload = await manager.createUpload()
  await upload.append('12345')
  claim = join(manager.sessionPath ?? '', 'claims', upload.id)
  const { ticket } = await upload.finish()
  claim = ''
  const next = tempManager()
  const seen = new Set<unknown>()
  for (let kill = 0; kill < step; kill++) {
    await (await next.createUpload()).discard() // uploads/ exists then
    renameSync(join(kills, String(kill)), join(next.root, 'uploads', upload.id))
    const [listed] = await next.uploads()
    const found = await next.openUpload(upload.id)
    const state = found.finished === undefined ? 'waiting' : 'finished'
    const bytes = found.finished === undefined ? found.offset : 0
    expect(listed).toMatchObject({ state, bytes, ticket: found.finished?.ticket, writer: undefined })
    seen.add(found.finished?.ticket)
    await found.discard()
  }
  expect(seen).toEqual(new Set([undefined, ticket]))
})

test('an upload whose data a cleaner has removed is listed as corrupt', async () => {
  const manager = tempManager()
  const upload = await manager.createUpload()
  await upload.append('12345')
  await upload.release()
  rmSync(join(manager.root, 'uploads', upload.id, 'data'), { recursive: true })
  expect(await manager.uploads()).toMatchObject([
    { state: 'corrupt', bytes: 0, problem: expect.stringContaining('missing') },
  ])
})
