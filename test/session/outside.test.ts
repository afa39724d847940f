import { spawnSync } from 'node:child_process'
import nodeFs, {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Outside } from '../../src/disk/move/staging.ts'
import { journalOf, removeOutside } from '../../src/session/outside.ts'
import { startOf } from '../fixtures/child-programs.ts'
import { canFreeze, freeze } from '../fixtures/immutable.ts'
import { canMount, ORDINARY } from '../fixtures/mounts.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'
import { volume } from '../temps/devices.ts'

const NAME = '.tmp-1-abc'
const CHILD = startOf('killed-move.mts')

/** A session with a note of `NAME` in a directory elsewhere, which exists and holds a file. */
function noted(): { session: string; place: string; made: string; outside: Outside } {
  const [session, place] = [tempBase(), tempBase()]
  const made = join(place, NAME)
  const { dev, ino } = statSync(place)
  const outside = { directory: place, holder: { dev, ino }, name: NAME, entry: undefined }
  const note = journalOf(nodeFs, session).note(outside, false)
  mkdirSync(made)
  note.identify(statSync(made))
  writeFileSync(join(made, 'data'), 'half a copy')
  return { session, place, made, outside }
}

describe('entries outside the root', () => {
  test('an entry outside the root is removed with its session', () => {
    const { session, made } = noted()
    removeOutside(nodeFs, session)
    expect(existsSync(made)).toBe(false)
  })

  test('an entry outside the root is forgotten with its last note: the session is as before', () => {
    const { session, outside } = noted()
    const journal = journalOf(nodeFs, session)
    const [first, second] = [journal.note(outside, false), journal.note(outside, true)]
    first.forget()
    second.identify(outside.holder)
    expect(readdirSync(join(session, 'outside'))).toHaveLength(2)
    second.forget()
    const [left = ''] = readdirSync(join(session, 'outside'))
    const last = journal.note(outside, false)
    nodeFs.unlinkSync(join(session, 'outside', left))
    last.forget()
    expect(readdirSync(session)).toEqual([])
  })

  test.each(['ENOSPC', 'EDQUOT'])(
    'an entry outside the root needs no note on a disk that refuses it with %s',
    (errno) => {
      const { outside } = noted()
      const session = tempBase()
      let writes = 0
      let refused = 1
      const fs = {
        ...nodeFs,
        writeSync: ((...args: Parameters<typeof nodeFs.writeSync>) => {
          if (++writes === refused) throw Object.assign(new Error(errno), { code: errno })
          return nodeFs.writeSync(...args)
        }) as typeof nodeFs.writeSync, // one of its overloads is all that is called
      }
      const without = journalOf(fs, session).note(outside, false)
      without.identify(outside.holder)
      without.forget()
      expect(readdirSync(session)).toEqual([])
      writes = 0
      refused = 2
      const unidentified = journalOf(fs, session).note(outside, false)
      unidentified.identify(outside.holder)
      expect(readdirSync(join(session, 'outside'))).toHaveLength(1)
      unidentified.forget()
      expect(readdirSync(session)).toEqual([])
    },
  )

  test('another directory under the name of an entry outside the root stays', () => {
    const { session, made } = noted()
    renameSync(made, `${made}-moved`)
    mkdirSync(made)
    writeFileSync(join(made, 'precious'), 'x')
    removeOutside(nodeFs, session)
    expect(readdirSync(made)).toEqual(['precious'])
  })

  test('a directory with the name of an entry outside the root stays when its parent is another one', () => {
    const { session, place, made } = noted()
    renameSync(place, `${place}-moved`)
    mkdirSync(made, { recursive: true })
    removeOutside(nodeFs, session)
    expect(existsSync(made)).toBe(true)
    nodeFs.rmSync(place, { recursive: true })
    renameSync(`${place}-moved`, place)
  })

  test.skipIf(!canFreeze)(
    'an entry outside the root that cannot be removed keeps its note, for the next sweep (needs root)',
    async () => {
      const manager = tempManager({ onCleanupError: () => {} })
      const { outside, made } = noted()
      manager.file()
      const note = journalOf(nodeFs, manager.sessionPath ?? '').note(outside, false)
      note.identify(statSync(made))
      const thaw = freeze(made)
      await manager.close()
      expect(readdirSync(made)).toEqual(['data'])
      thaw()
      const sweeper = tempManager({ baseDir: join(manager.root, '..') })
      expect((await sweeper.sweep()).items).toMatchObject([{ kind: 'condemned', action: 'removed' }])
      expect(existsSync(made)).toBe(false)
      expect(readdirSync(join(manager.root, 'sessions'))).toEqual([])
    },
  )

  test.runIf(canMount)('an entry outside the root stays when it belongs to another user', () => {
    const { session, made } = noted()
    chownSync(made, ORDINARY, ORDINARY)
    removeOutside(nodeFs, session)
    expect(readdirSync(made)).toEqual(['data'])
  })

  test('an entry outside the root that was never identified stays while it holds something', () => {
    const { session, outside } = noted()
    const other = join(outside.directory, '.tmp-1-other')
    journalOf(nodeFs, session).note({ ...outside, name: '.tmp-1-other' }, false)
    mkdirSync(other)
    writeFileSync(join(other, 'file'), 'x')
    removeOutside(nodeFs, session)
    expect(readdirSync(other)).toEqual(['file'])
  })

  test.each(['../escape', 'plain', '.tmp-1/../../x'])('a note of the name %s removes nothing', (name) => {
    const { session, outside } = noted()
    const target = join(outside.directory, name)
    mkdirSync(join(outside.directory, '.tmp-1')) // so that the kernel finds '.tmp-1/../../x', too
    mkdirSync(target)
    onTestFinished(() => nodeFs.rmSync(target, { recursive: true }))
    journalOf(nodeFs, session).note({ ...outside, name }, false)
    removeOutside(nodeFs, session)
    expect(existsSync(target)).toBe(true)
  })

  test.runIf(canMount)(
    'a copy that a killed process left beside its destination goes with the next sweep',
    async () => {
      const [place, baseDir] = [volume(), tempBase()]
      const child = spawnSync(process.execPath, [CHILD, baseDir, 'persist', join(place, 'result')])
      expect(child.signal).toBe('SIGKILL')
      expect(readdirSync(place)).toEqual([expect.stringMatching(/^\.tmp-/)])
      await tempManager({ baseDir }).sweep()
      expect(readdirSync(place)).toEqual([])
    },
  )

  test.runIf(canMount)(
    'the source of an adopt that a killed process left half deleted goes with the next sweep',
    async () => {
      const [place, baseDir] = [volume(), tempBase()]
      const source = join(place, 'source')
      mkdirSync(source)
      for (const name of ['one', 'two', 'three']) writeFileSync(join(source, name), name)
      const child = spawnSync(process.execPath, [CHILD, baseDir, 'adopt', source])
      expect(child.signal, String(child.stderr)).toBe('SIGKILL')
      const [condemned = ''] = readdirSync(place)
      expect(condemned).toMatch(/^\.tmp-/)
      expect(readdirSync(join(place, condemned)).length).toBeGreaterThan(0)
      await tempManager({ baseDir }).sweep()
      expect(readdirSync(place)).toEqual([])
    },
  )
})
