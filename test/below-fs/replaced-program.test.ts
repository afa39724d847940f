// process.execve (Node 24 and later): the new program has the pid, the start time and the thread id of the old one.

import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { bundle } from '../fixtures/bundle.ts'
import { runChild } from '../fixtures/child.ts'
import { tempBase } from '../fixtures/temp-base.ts'

test.skipIf(!('execve' in process))(
  'the session and the claims of a program that execve replaced are recovered by the next one (needs process.execve)',
  async () => {
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
  },
)
