// The right to write to an upload, across processes. Guarantee: one writer at a time; a dead one's upload is free at once,
// and a living one is asked to stop and gives its bytes back first.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { TempFileManager } from '../../src/index.ts'
import { bundle } from '../fixtures/bundle.ts'
import { runChild } from '../fixtures/child.ts'
import { failure } from '../fixtures/failures.ts'
import { silentDisk } from '../fixtures/silent-disk.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

const ID = 'shared by two processes'

interface Ground {
  readonly base: string
  readonly manager: TempFileManager
  /** Starts the other process, and waits for its first line. */
  other(what: 'append' | 'reserve'): Promise<ChildProcess & { readonly output: () => string }>
}

async function ground(options: { limits?: { totalBytes: number } } = {}): Promise<Ground> {
  const base = tempBase()
  const programs = await bundle('upload-holder')
  const manager = tempManager({ baseDir: base, name: 'uploads', ...options })
  return {
    base,
    manager,
    async other(what) {
      const child = spawn(process.execPath, [join(programs, 'upload-holder.cjs'), base, ID, what], {
        stdio: ['pipe', 'pipe', 'inherit'],
      })
      onTestFinished(() => void child.kill('SIGKILL'))
      let output = ''
      child.stdout.on('data', (chunk) => (output += chunk))
      await once(child.stdout, 'data')
      return Object.assign(child, { output: () => output })
    },
  }
}

/** An upload of 10 bytes whose first five another process has received. */
async function received({
  manager,
  other,
}: Ground): Promise<ChildProcess & { readonly output: () => string }> {
  await (await manager.createUpload({ id: ID, length: 10 })).release()
  const child = await other('append')
  child.stdin?.write('12345')
  await expect.poll(async () => (await manager.uploads())[0]?.bytes, { timeout: 20_000 }).toBe(5)
  return child
}

test('a take-over ends the append of another process, and continues behind its bytes', async () => {
  const place = await ground()
  const child = await received(place)
  const ended = once(child, 'close')
  await expect(place.manager.openUpload(ID)).rejects.toMatchObject({
    code: 'ERR_TEMP_HANDOFF_CLAIMED',
    details: { pid: child.pid },
  })
  await using upload = await place.manager.openUpload(ID, { whenBusy: 'take-over', timeout: '20s' })
  expect(upload.offset).toBe(5)
  expect(await upload.append('67890')).toBe(10)
  await ended
  expect(child.output()).toContain('ERR_TEMP_HANDOFF_CLAIMED')
})

test('a take-over of an upload that its own program never releases is refused: the program does not end before', async () => {
  const end = await runChild('forgotten-upload.mts', { args: [tempBase()] })
  expect([end.code, end.stdout]).toEqual([0, 'ERR_TEMP_HANDOFF_CLAIMED\n'])
})

test('a take-over from another offset leaves the writer in another process alone', async () => {
  const place = await ground()
  const child = await received(place)
  const ended = once(child, 'close')
  await expect(place.manager.openUpload(ID, { whenBusy: 'take-over', offset: 3 })).rejects.toMatchObject({
    code: 'ERR_TEMP_HANDOFF_CLAIMED',
    details: { bytes: 5 },
  })
  child.stdin?.end('67890')
  await ended
  expect(child.output()).toBe('held\n')
  await using upload = await place.manager.openUpload(ID, { whenBusy: 'take-over', offset: 3 })
  expect(upload.offset).toBe(10)
})

test('a take-over from its offset ends the writer in another process', async () => {
  const place = await ground()
  const child = await received(place)
  const ended = once(child, 'close')
  await using upload = await place.manager.openUpload(ID, {
    whenBusy: 'take-over',
    offset: 5,
    timeout: '20s',
  })
  expect(upload.offset).toBe(5)
  await ended
  expect(child.output()).toContain('ERR_TEMP_HANDOFF_CLAIMED')
})

test('the upload of a killed process is free at once, with the bytes that it wrote', async () => {
  const place = await ground()
  const child = await received(place)
  child.kill('SIGKILL')
  await once(child, 'exit')
  await using upload = await place.manager.openUpload(ID)
  expect(upload.offset).toBe(5)
})

test('the reservation of a process that was killed during a creation returns', async () => {
  const { manager, other } = await ground({ limits: { totalBytes: 1000 } })
  const child = await other('reserve')
  await expect(manager.createUpload({ length: 400 })).rejects.toMatchObject({ code: 'ERR_TEMP_QUOTA' })
  child.kill('SIGKILL')
  await once(child, 'exit')
  await manager.sweep()
  await (await manager.createUpload({ length: 400 })).release()
  expect(await manager.uploads()).toHaveLength(1)
})

test('a second process, or a second manager, cannot write to an upload that is held', async () => {
  const manager = tempManager()
  const upload = await manager.createUpload({ length: 5 })
  await expect(manager.openUpload(upload.id)).rejects.toMatchObject({
    code: 'ERR_TEMP_HANDOFF_CLAIMED',
    status: 409,
  })
  const other = tempManager({ baseDir: join(manager.root, '..') })
  await expect(other.openUpload(upload.id)).rejects.toMatchObject({ code: 'ERR_TEMP_HANDOFF_CLAIMED' })
})

test('bytes behind the recorded offset do not count when the boot has changed', async () => {
  const manager = tempManager()
  const upload = await manager.createUpload({ length: 20 })
  await upload.append('12345')
  await upload.release()
  const directory = join(manager.root, 'uploads', upload.id)
  const [data = ''] = readdirSync(join(directory, 'data'))
  writeFileSync(join(directory, 'data', data), '12345 and zeros')
  renameSync(join(directory, 'at-5'), join(directory, 'at-5-anotherboot'))
  await using again = await manager.openUpload(upload.id)
  expect(again.offset).toBe(5)
})

test.each(['refuse', 'take-over'] as const)(
  'an unknown upload is ERR_TEMP_IO while no directory can be listed, whenBusy: %s',
  async (whenBusy) => {
    const { fs, silence } = silentDisk('readdirSync')
    const manager = tempManager({ fs })
    manager.file()
    silence()
    await failure('ERR_TEMP_IO', () => manager.openUpload(`u${'0'.repeat(26)}`, { whenBusy }))
  },
)
