import fs, { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { FileSystem } from '../../src/index.ts'
import { sessionId } from '../../src/layout.ts'
import { failure } from '../fixtures/failures.ts'
import { slashed } from '../fixtures/slashed.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

const UNKNOWN = '0123456789abcdefghjkmnpqrs'

/** A manager whose root has `count` sessions more, and the directories of sessions/ that it has listed. */
function among(count: number) {
  const listed: string[] = []
  const watched: FileSystem = {
    ...fs,
    native: true,
    readdirSync: (path, options) => {
      listed.push(String(path))
      return fs.readdirSync(path, options as never) as never
    },
  }
  const manager = tempManager({ fs: watched, baseDir: tempBase() })
  manager.file()
  for (let made = 0; made < count; made++)
    mkdirSync(join(manager.root, 'sessions', `s-${sessionId(1, `0123456789${made}`)}`, 'claims'), {
      recursive: true,
    })
  const looks = (): number => listed.filter((path) => slashed(path).endsWith('/sessions')).length
  return { manager, looks }
}

describe('unknown tickets', () => {
  it('unknown tickets that are asked for at once share their looks', async () => {
    const { manager, looks } = among(50)
    const asked = Array.from({ length: 200 }, () =>
      failure('ERR_TEMP_HANDOFF_GONE', () => manager.claim(UNKNOWN)),
    )
    await Promise.all(asked)
    expect(looks()).toBeLessThan(asked.length) // 1,000 when each caller looks for itself
  })

  it('unknown tickets cost no look at the sessions while nothing moves', async () => {
    const { manager, looks } = among(50)
    for (let asked = 0; asked < 2; asked++)
      await failure('ERR_TEMP_HANDOFF_GONE', () => manager.claim(UNKNOWN))
    const before = looks()
    for (let asked = 0; asked < 3; asked++) {
      await failure('ERR_TEMP_HANDOFF_GONE', () => manager.claim(UNKNOWN))
      await failure('ERR_TEMP_HANDOFF_GONE', () => manager.inspect(UNKNOWN))
    }
    expect(looks()).toBe(before)
  })
})

describe('the list of claims', () => {
  it('the list of claims notices a claim, a release and a publication of another manager', async () => {
    const { manager } = among(5)
    const other = tempManager({ baseDir: join(manager.root, '..') })
    await failure('ERR_TEMP_HANDOFF_GONE', () => manager.claim(UNKNOWN))
    const ticket = await other.file().handOff()
    for (let round = 0; round < 20; round++) {
      const claim = await other.claim(ticket)
      await failure('ERR_TEMP_HANDOFF_CLAIMED', () => manager.claim(ticket))
      if (round % 5 === 0) await pause(30) // the list settles
      await claim.release()
      await (await manager.claim(ticket)).release()
    }
  })

  it('the list of claims finds nothing in a root that is gone', async () => {
    const base = tempBase()
    const manager = tempManager({ baseDir: mkdtempSync(join(base, 'x')) })
    await failure('ERR_TEMP_HANDOFF_GONE', () => manager.inspect(UNKNOWN))
    rmSync(manager.root, { recursive: true, force: true })
    await failure('ERR_TEMP_HANDOFF_GONE', () => manager.inspect(UNKNOWN))
  })
})
