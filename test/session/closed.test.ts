import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { TempFileManager } from '../../src/index.ts'
import { atEachStep } from '../fixtures/every-step.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

test.each<[string, (manager: TempFileManager, waiting: string) => Promise<unknown>]>([
  ['fileAsync()', (manager) => manager.fileAsync()],
  ['fileAsync() with a name', (manager) => manager.fileAsync({ name: 'a.txt' })],
  ['dirAsync()', (manager) => manager.dirAsync()],
  ['receive()', (manager) => manager.receive('content')],
  [
    'adopt()',
    (manager) => {
      const path = join(tempBase(), 'adopted')
      writeFileSync(path, 'content')
      return manager.adopt(path)
    },
  ],
  ['createUpload()', (manager) => manager.createUpload({ durable: false })],
  ['append()', async (manager, waiting) => (await manager.openUpload(waiting)).append('content')],
  ['finish()', async (manager, waiting) => (await manager.openUpload(waiting)).finish()],
])('%s beside which closeSync() ends the manager is refused as closed, at every step', async (name, call) => {
  const other = tempManager()
  const codes = new Set<unknown>()
  await atEachStep((fs) => {
    const manager = tempManager({ fs, baseDir: join(other.root, '..') })
    manager.file().removeSync() // the session is there
    return {
      act: () => manager.closeSync(),
      run: async () => {
        const upload = /append|finish/.test(name) ? await other.createUpload({ durable: false }) : undefined
        await upload?.release()
        const [result] = await Promise.allSettled([call(manager, upload?.id ?? '')])
        if (result.status === 'rejected') codes.add(result.reason.code)
      },
    }
  })
  expect(codes.delete('ERR_TEMP_CLOSED')).toBe(true)
  codes.delete('ERR_TEMP_ABORTED') // what was being written
  expect([...codes]).toEqual([])
})
