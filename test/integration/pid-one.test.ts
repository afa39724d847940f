// As pid 1 of a namespace the kernel drops a signal that is raised without a listener, so there, and only there,
// the process exits with 128 + n; otherwise the server would serve on without its files.

import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Child } from '../fixtures/child.ts'
import { tempBase } from '../fixtures/temp-base.ts'

const canUnshare = spawnSync('unshare', ['-pf', '--mount-proc', 'true']).status === 0

describe.skipIf(!canUnshare)('pid 1 of a namespace', () => {
  test.each([
    ['SIGHUP', 129],
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)(
    'pid 1 of a namespace ends on %s with the status %d, and leaves nothing',
    async (signal, status) => {
      const base = tempBase()
      const child = new Child('pid-one.mts', {
        args: [base],
        under: ['unshare', '-pf', '--mount-proc', '--kill-child'],
      })
      expect(await child.line('ready')).toMatch(/^1 /)
      child.process.stdin?.write(`${signal}\n`)
      expect(await child.end).toMatchObject({ code: status, signal: null })
      expect(readdirSync(join(base, `temp-file-manager-${process.geteuid?.()}`, 'sessions'))).toEqual([])
    },
  )
})
