// Sessions whose maker was killed while it made them.

import { mkdirSync, readdirSync, renameSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { runChild } from '../fixtures/child.ts'
import { family } from '../fixtures/family.ts'
import { tempManager } from '../fixtures/temp-base.ts'

/** The name that a session's draft had: its place was not known yet. */
const draftOf = (name: string): string =>
  name.replace(/^s-(.*)[0-9a-z]{8}(-[0-9a-z]{16})$/, '.new-$100000000$2')

describe.skipIf(process.platform !== 'linux')('drafts (their names prove their makers on Linux)', () => {
  test.each([
    ['with its record', true],
    ['still empty', false],
  ])('a draft of a killed maker, %s, is removed by the next sweep', async (_what, withRecord) => {
    const manager = tempManager({ name: 'cli' })
    await runChild('cli-owner.ts', { args: [join(manager.root, '..')] })
    const sessions = join(manager.root, 'sessions')
    const [dead = ''] = readdirSync(sessions)
    const draft = draftOf(dead)
    expect(draft).toMatch(/^\.new-/)
    if (withRecord) renameSync(join(sessions, dead), join(sessions, draft))
    else mkdirSync(join(sessions, draft))
    const { items } = await manager.sweep()
    expect(items.find(({ name }) => name.endsWith(draft))).toMatchObject({ kind: 'draft', action: 'removed' })
    expect(readdirSync(sessions)).toEqual([])
  })

  test('a draft of a live process is kept', async () => {
    const manager = tempManager({ name: 'parent' })
    const { path } = await family(join(manager.root, '..'), 'env', ['sleep', '1000'])
    const draft = join(manager.root, 'sessions', draftOf(basename(dirname(path))))
    mkdirSync(draft)
    const { items } = await manager.sweep()
    const found = items.find(({ name }) => name.endsWith(basename(draft)))
    expect(found).toMatchObject({ action: 'kept', reason: 'being made' })
  })
})
