import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

test('preserve removes nothing, and reports the place of the files at close', async () => {
  const manager = tempManager({ preserve: true, baseDir: tempBase() })
  const file = manager.file('.txt')
  await file.write('look at me')
  const dir = manager.dir()
  file[Symbol.dispose]()
  await dir.remove()
  expect([file.disposed, dir.disposed]).toEqual([true, true])
  expect([existsSync(file.path), existsSync(dir.path)]).toEqual([true, true])
  const warning = once(process, 'warning')
  const id = basename(manager.sessionPath ?? '').slice(2)
  await manager.close()
  const kept = join(manager.root, 'kept', id)
  expect((await warning)[0]).toMatchObject({ detail: kept })
  expect(readFileSync(`${kept}/${file.name}`, 'utf8')).toBe('look at me')
  expect(readdirSync(`${manager.root}/sessions`)).toEqual([])
})
