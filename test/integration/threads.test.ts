// Worker threads have sessions of their own, which are removed however they end.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runChild } from '../fixtures/child.ts'
import { namesIn } from '../fixtures/handoff-root.ts'
import { tempBase, USER } from '../fixtures/temp-base.ts'

const sessions = (base: string): string[] => readdirSync(join(base, `temp-file-manager-${USER}`, 'sessions'))

test.each([
  ['return', 'codes 0 0 0', 'after 1'],
  ['exit', 'codes 6 6 6', 'after 1'],
  ['terminate', 'codes 1 1 1', 'after 1'],
])(
  'the sessions of threads that %s are removed with them, without a sweep, while their process lives',
  async (ending, codes, after) => {
    const base = tempBase()
    const ended = await runChild('threads.mts', { args: [base, ending] })
    expect(ended, ended.stderr).toMatchObject({ code: 0, signal: null })
    expect(ended.stdout.split('\n')).toEqual(
      expect.arrayContaining([
        'distinct 4',
        codes,
        after,
        expect.stringMatching(/^swept 1 /),
        'mine false true',
      ]),
    )
    expect(sessions(base)).toEqual([])
  },
)

test('the process’s exit ends the sessions of its threads that still run', async () => {
  const base = tempBase()
  const ended = await runChild('threads.mts', { args: [base, 'process-exit'] })
  expect(ended, ended.stderr).toMatchObject({ code: 5, signal: null })
  expect(ended.stdout).toContain('distinct 4')
  expect(sessions(base)).toEqual([])
})

test.each([
  ['on-error', 'its own and those of its threads', 4],
  ['', 'none', 0],
])(
  'of the sessions of a process that fails with TEMP_FILE_MANAGER_PRESERVE=%s are kept: %s',
  async (preserve, _, count) => {
    const base = tempBase()
    const env = { TEMP_FILE_MANAGER_PRESERVE: preserve }
    const ended = await runChild('threads.mts', { args: [base, 'process-exit'], env })
    expect(ended, ended.stderr).toMatchObject({ code: 5, signal: null })
    const kept = namesIn(base, `temp-file-manager-${USER}`, 'kept')
    expect([sessions(base), kept.length]).toEqual([[], count])
    for (const name of kept) {
      const directory = join(base, `temp-file-manager-${USER}`, 'kept', name)
      expect(readdirSync(directory).filter((entry) => entry.startsWith('tmp-'))).toHaveLength(1)
      expect(JSON.parse(readFileSync(join(directory, 'kept.json'), 'utf8'))).toMatchObject({
        reason: 'the process ended with status 5',
      })
      expect(ended.stderr).toContain(directory)
    }
  },
)
