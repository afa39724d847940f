import fs, { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { OWNER, parseSessionsEntry } from '../../src/layout.ts'
import { type OwnerRead, readOwner } from '../../src/liveness/owner-record.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

const ID = '4711-0123456789abcdef'
const RECORD = { v: 1, id: ID, pid: 4711, tid: 4711, hostname: 'host', program: 'server.js', startedAt: 1 }

function reading(content: unknown): OwnerRead {
  const directory = tempBase()
  writeFileSync(join(directory, OWNER), typeof content === 'string' ? content : JSON.stringify(content))
  return readOwner(fs, directory, ID)
}

describe('owner records', () => {
  test('an owner record is read as the session of this process wrote it', () => {
    const manager = tempManager()
    manager.file()
    const directory = String(manager.sessionPath)
    const id = String(parseSessionsEntry(basename(directory))?.id)
    const written: unknown = JSON.parse(readFileSync(join(directory, OWNER), 'utf8'))
    const read = readOwner(fs, directory, id)
    expect(read).toMatchObject({ state: 'read', owner: { id, pid: process.pid } })
    if (read.state === 'read') expect(JSON.parse(JSON.stringify(read.owner))).toEqual(written)
  })

  test('an owner record that is missing is distinguished from one that cannot be believed', () => {
    expect(readOwner(fs, tempBase(), ID)).toEqual({ state: 'missing' })
  })

  test('an owner record of another version is not judged by the rules of this one', () => {
    expect(reading({ ...RECORD, v: 2 })).toEqual({ state: 'unknown-version' })
  })

  test.each([
    ['is not JSON', '{"v":1'],
    ['is empty', ''],
    ['is not an object', '1'],
    ['is null', 'null'],
    ['has no version', { ...RECORD, v: undefined }],
    ['has a version that is not a number', { ...RECORD, v: '1' }],
    ['names another session', { ...RECORD, id: '4711-fedcba9876543210' }],
    ['has a process id of 0, which kill(2) takes for a group', { ...RECORD, pid: 0 }],
    ['has a negative process id', { ...RECORD, pid: -1 }],
    ['has a process id that is text', { ...RECORD, pid: '4711' }],
    ['has a fraction as process id', { ...RECORD, pid: 1.5 }],
    ['has a thread id of 0', { ...RECORD, tid: 0 }],
    ['names no host', { ...RECORD, hostname: undefined }],
  ])('an owner record that %s is corrupt', (_, content) => {
    expect(reading(content).state).toBe('corrupt')
  })

  test('an owner record behind a symbolic link is corrupt', () => {
    const directory = tempBase()
    writeFileSync(join(directory, 'elsewhere'), JSON.stringify(RECORD))
    symlinkSync('elsewhere', join(directory, OWNER))
    expect(readOwner(fs, directory, ID)).toEqual({ state: 'corrupt', why: 'it is a symbolic link' })
  })

  test('an owner record that is a directory is corrupt', () => {
    const directory = tempBase()
    mkdirSync(join(directory, OWNER))
    expect(readOwner(fs, directory, ID).state).toBe('corrupt')
  })

  test.each(['EMFILE', 'ENFILE', 'EIO', 'EACCES'])(
    'an owner record that cannot be read because of %s has the state not-asked',
    (code) => {
      const failing = {
        ...fs,
        openSync: () => {
          throw Object.assign(new Error(code), { code })
        },
      }
      expect(readOwner(failing, tempBase(), ID).state).toBe('not-asked')
    },
  )

  test.each([
    ['lease', { dev: 1, ino: 2 }],
    ['lease', 'socket'],
    ['lease2', { dev: '1' }],
    ['bootId', ''],
    ['startTime', 1405837],
    ['refreshMs', '10m'],
  ])('an owner record with %s = %j proves nothing by that member', (member, value) => {
    const read = reading({ ...RECORD, [member]: value })
    expect(read.state).toBe('read')
    expect(read).toMatchObject({ owner: { [member]: undefined } })
  })
})
