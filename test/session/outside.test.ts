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
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { Outside } from '../../src/disk/move/staging.ts'
import { journalOf, removeOutside } from '../../src/session/outside.ts'
import { canMount, ORDINARY } from '../fixtures/mounts.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'
import { volume } from '../temps/devices.ts'

const NAME = '.tmp-1-abc'
const CHILD = fileURLToPath(new URL('../fixtures/children/killed-persist.mts', import.meta.url))

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

describe('what a session has outside its root', () => {
  test('is removed with the session', () => {
    const { session, made } = noted()
    removeOutside(nodeFs, session)
    expect(existsSync(made)).toBe(false)
  })

  test('stays when another directory has its name', () => {
    const { session, made } = noted()
    renameSync(made, `${made}-moved`)
    mkdirSync(made)
    writeFileSync(join(made, 'precious'), 'x')
    removeOutside(nodeFs, session)
    expect(readdirSync(made)).toEqual(['precious'])
  })

  test('stays when the directory that holds it is another one', () => {
    const { session, place, made } = noted()
    renameSync(place, `${place}-moved`)
    mkdirSync(made, { recursive: true })
    removeOutside(nodeFs, session)
    expect(existsSync(made)).toBe(true)
    nodeFs.rmSync(place, { recursive: true })
    renameSync(`${place}-moved`, place)
  })

  test.runIf(canMount)('stays when it belongs to another user', () => {
    const { session, made } = noted()
    chownSync(made, ORDINARY, ORDINARY)
    removeOutside(nodeFs, session)
    expect(readdirSync(made)).toEqual(['data'])
  })

  test('stays while it holds something, if it was never identified', () => {
    const { session, outside } = noted()
    const other = join(outside.directory, '.tmp-1-other')
    journalOf(nodeFs, session).note({ ...outside, name: '.tmp-1-other' }, false)
    mkdirSync(other)
    writeFileSync(join(other, 'file'), 'x')
    removeOutside(nodeFs, session)
    expect(readdirSync(other)).toEqual(['file'])
  })

  test.each(['../escape', 'plain', '.tmp-1/../../x'])('is not removed by a note of the name %s', (name) => {
    const { session, outside } = noted()
    const target = join(outside.directory, name)
    if (name === 'plain') mkdirSync(target)
    journalOf(nodeFs, session).note({ ...outside, name }, false)
    removeOutside(nodeFs, session)
    expect(existsSync(target)).toBe(name === 'plain')
  })

  test.runIf(canMount)(
    'a copy that a killed process left beside its destination goes with the next sweep',
    async () => {
      const [place, baseDir] = [volume(), tempBase()]
      const child = spawnSync(process.execPath, ['--import', 'tsx', CHILD, baseDir, join(place, 'result')])
      expect(child.signal).toBe('SIGKILL')
      expect(readdirSync(place)).toEqual([expect.stringMatching(/^\.tmp-/)])
      await tempManager({ baseDir }).sweep()
      expect(readdirSync(place)).toEqual([])
    },
  )
})
