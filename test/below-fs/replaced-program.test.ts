// process.execve (Node 24 and later): the new program has the pid, the start time and the thread id of the old one.

import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { bundle } from '../fixtures/bundle.ts'
import { runChild } from '../fixtures/child.ts'
import { craftSession } from '../fixtures/crafted-session.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

// Node 24 and later have process.execve.
if ('execve' in process)
  test('the session and the claims of a program that execve replaced are recovered by the next one (needs process.execve)', async () => {
    const program = join(await bundle('replaced'), 'replaced.cjs')
    const { stdout, stderr } = await runChild(program, { args: [tempBase()] })
    expect(stdout, stderr).not.toBe('')
    const { session, state, items, own } = JSON.parse(stdout)
    const actions = Object.fromEntries(
      items.map((item: { name: string; action: string }) => [item.name, item.action]),
    )
    expect(actions).toMatchObject({
      [`sessions/${basename(session)}`]: 'removed',
      [`sessions/${basename(own)}`]: 'kept',
    })
    expect(state).toBe('available')
  })

test('a session with the process id and the start time of this process, which did not create it, is removed', async () => {
  const manager = tempManager()
  manager.file()
  const { name, path } = craftSession(manager.root)
  const { items } = await manager.sweep()
  expect(items).toContainEqual(expect.objectContaining({ name: `sessions/${name}`, action: 'removed' }))
  expect(existsSync(path)).toBe(false)
  expect(existsSync(String(manager.sessionPath))).toBe(true)
})
