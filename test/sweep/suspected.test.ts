// An owner that is suspected although it lives. Guarantee: it takes its directory back where that is possible, at
// whatever moment the sweeper gives it back itself; a loss is reported once, and a new session starts.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs, { existsSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  type FileSystem,
  isTempFileError,
  type TempFileError,
  type TempFileManager,
} from '../../src/index.ts'
import { failure } from '../fixtures/failures.ts'
import { tombstoneOf } from '../fixtures/handoff-root.ts'
import { slashed } from '../fixtures/slashed.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

/** A manager with a file in it; `reported` holds the codes of its errors. */
function suspect(over: Partial<FileSystem> = {}): {
  manager: TempFileManager
  session: string
  reported: string[]
} {
  const reported: string[] = []
  const manager = tempManager({
    baseDir: tempBase(),
    fs: { ...fs, native: true, ...over },
    onCleanupError: (error: TempFileError) => void reported.push(error.code),
  })
  manager.file()
  return { manager, session: String(manager.sessionPath), reported }
}

describe('suspected sessions', () => {
  test("a session under a tombstone's name is taken back by the next file, directory, receive and claim", async () => {
    const { manager, session, reported } = suspect()
    const ticket = await (await manager.receive('x')).handOff()
    const uses = [
      () => manager.file(),
      () => manager.dir(),
      () => manager.file({ name: 'exact' }),
      () => manager.receive('x'),
      () => manager.fileAsync(),
      () => manager.claim(ticket),
    ]
    for (const use of uses) {
      renameSync(session, tombstoneOf(session, 'dead'))
      const entry = await use()
      expect(existsSync(entry.path)).toBe(true)
      expect(manager.sessionPath).toBe(session)
    }
    expect(reported).toEqual([])
  })

  test('a suspected session is not lost when the sweeper gives it back between two looks', () => {
    let giveBack = false
    const { manager, session, reported } = suspect({
      readdirSync: (path, options) => {
        if (giveBack && slashed(path).endsWith('/sessions')) {
          giveBack = false
          renameSync(tombstoneOf(session, 'dead'), session)
        }
        return fs.readdirSync(path.toString(), options)
      },
    })
    giveBack = true
    renameSync(session, tombstoneOf(session, 'dead'))
    expect(existsSync(manager.file().path)).toBe(true)
    expect(manager.sessionPath).toBe(session)
    expect(reported).toEqual([])
  })

  test('a suspected session is not lost when the sweeper gives it back while its owner takes it', () => {
    const { manager, session, reported } = suspect({
      renameSync: (from, to) => {
        if (String(from).includes('.dead-')) renameSync(from, to) // the sweeper, a moment before us
        renameSync(from, to)
      },
    })
    renameSync(session, tombstoneOf(session, 'dead'))
    expect(existsSync(manager.file().path)).toBe(true)
    expect(manager.sessionPath).toBe(session)
    expect(reported).toEqual([])
  })
})

describe('lost sessions', () => {
  test.each(['condemned', 'removed', 'removed with all of the root'])(
    'a session that was %s is reported once, and a new one starts',
    (how) => {
      const { manager, session, reported } = suspect()
      if (how === 'condemned') renameSync(session, tombstoneOf(session, 'gone'))
      else rmSync(how === 'removed' ? session : manager.root, { recursive: true })
      for (let n = 0; n < 3; n++) expect(existsSync(manager.file().path)).toBe(true)
      expect(reported).toEqual(['ERR_TEMP_SESSION_LOST'])
      expect(manager.stats().sessionsLost).toBe(1)
      expect(manager.sessionPath).not.toBe(session)
    },
  )

  test('handOff() of a file whose session is gone rejects with ERR_TEMP_SESSION_LOST', async () => {
    const { manager, session } = suspect()
    const file = manager.file()
    rmSync(session, { recursive: true })
    await failure('ERR_TEMP_SESSION_LOST', () => file.handOff())
  })
})

test('an owner at work while its directory is renamed away and back ten thousand times loses nothing', async () => {
  const { manager, session, reported } = suspect()
  const script = `
    const fs = require('node:fs')
    const [session, tombstone] = process.argv.slice(1)
    for (let n = 0; n < 10000; n++) {
      try { fs.renameSync(session, tombstone) } catch {}
      try { fs.renameSync(tombstone, session) } catch {}
    }`
  const doubter = spawn(process.execPath, ['-e', script, session, tombstoneOf(session, 'dead')], {
    stdio: 'inherit',
  })
  onTestFinished(() => void doubter.kill('SIGKILL'))
  const ended = once(doubter, 'exit')
  let running = true
  void ended.then(() => {
    running = false
  })
  const made: string[] = []
  while (running) {
    // A file may be refused at worst by the rename that fell between our two tries; it is never silently lost.
    try {
      made.push(manager.file().name)
    } catch (error) {
      if (!isTempFileError(error)) throw error
      expect(error.code).toBe('ERR_TEMP_IO')
    }
    await new Promise(setImmediate)
  }
  expect((await ended)[0]).toBe(0)
  expect(existsSync(manager.file().path)).toBe(true)
  expect(manager.sessionPath).toBe(session)
  expect(reported).toEqual([])
  const standing = new Set(readdirSync(session))
  expect(made.filter((name) => !standing.has(name))).toEqual([])
  expect(made.length).toBeGreaterThan(0)
  expect(readdirSync(join(session, '..')).length).toBe(1)
})
