// The operations on partial uploads. Guarantee: whatever fails and wherever a process dies, the upload is continued where it
// was, and ends as one handoff with every byte; one that was never admitted or was discarded is gone.

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { PartialUpload, TempFileManager } from '../../src/index.ts'
import { type Ground, managerOn, type Operation, opened, PAYLOAD, rootOf } from './preparing.ts'

const ID = 'the upload of the case'
const LENGTH = Buffer.byteLength(PAYLOAD)
const HALF = LENGTH / 2

async function withUpload(ground: Ground): Promise<{ manager: TempFileManager; upload: PartialUpload }> {
  const manager = await opened(ground)
  const upload = await manager.createUpload({ id: ID, length: LENGTH, hash: 'sha256' })
  await upload.append(PAYLOAD.slice(0, HALF))
  return { manager, upload }
}

/** The client continues: it sends the rest, and gets its file, once. */
async function continueUploads(ground: Ground): Promise<string[]> {
  const rooms = join(rootOf(ground), 'uploads')
  const ids = existsSync(rooms) ? readdirSync(rooms) : []
  if (ids.length === 0) return []
  await using manager = managerOn(ground)
  await using upload = await manager.openUpload(ID)
  const problems: string[] = []
  if (upload.finished === undefined) {
    const kept = Buffer.concat(await upload.read().toArray()).toString()
    if (kept !== PAYLOAD.slice(0, upload.offset))
      problems.push(`the bytes before ${upload.offset} are others`)
    await upload.append(PAYLOAD.slice(upload.offset))
  }
  const { ticket } = await upload.finish()
  const handoffs = (await manager.handoffs()).map((handoff) => handoff.ticket)
  if (handoffs.join() !== ticket)
    problems.push(`the ticket is ${ticket}, the handoffs are ${handoffs.join()}`)
  await upload.release()
  const [id = ''] = ids
  const names = readdirSync(join(rooms, id)).sort().join()
  if (names !== `data,done-${LENGTH},done.json,upload.json`) problems.push(`the upload holds ${names}`)
  return problems
}

/** The upload is there afterwards, and its client continues it. */
const CONTINUES: Operation['truth'] = {
  done: { handoffs: [1] },
  failed: { handoffs: [1] },
  killed: { handoffs: [1] },
}
const EITHER: Operation['truth'] = {
  done: {},
  failed: { handoffs: [0, 1] },
  killed: { handoffs: [0, 1] },
}

export const UPLOADS: readonly Operation[] = [
  {
    name: 'createUpload',
    truth: { ...EITHER, done: { handoffs: [1] } },
    after: continueUploads,
    async prepare(ground) {
      const manager = await opened(ground)
      return { manager, act: () => manager.createUpload({ id: ID, length: LENGTH }) }
    },
  },
  {
    name: 'append to an upload',
    truth: CONTINUES,
    after: continueUploads,
    async prepare(ground) {
      const { manager, upload } = await withUpload(ground)
      return { manager, act: () => upload.append(PAYLOAD.slice(HALF)) }
    },
  },
  {
    name: 'release an upload',
    truth: CONTINUES,
    after: continueUploads,
    async prepare(ground) {
      const { manager, upload } = await withUpload(ground)
      return { manager, act: () => upload.release() }
    },
  },
  {
    name: 'openUpload',
    truth: CONTINUES,
    after: continueUploads,
    async prepare(ground) {
      const { manager, upload } = await withUpload(ground)
      await upload.release()
      return { manager, act: () => manager.openUpload(ID) }
    },
  },
  {
    name: 'finish an upload',
    truth: CONTINUES,
    after: continueUploads,
    async prepare(ground) {
      const { manager, upload } = await withUpload(ground)
      await upload.append(PAYLOAD.slice(HALF), { last: true })
      return { manager, act: () => upload.finish() }
    },
  },
  {
    name: 'discard an upload',
    truth: EITHER,
    after: continueUploads,
    async prepare(ground) {
      const { manager, upload } = await withUpload(ground)
      return { manager, act: () => upload.discard() }
    },
  },
]
