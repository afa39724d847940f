import fs, { chownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  checkIdentity,
  type Fields,
  millisecondsIn,
  nameIn,
  parseClaimable,
  processIn,
  readClaimable,
  refuse,
} from '../../src/claimable/claimable-record.ts'
import { tempBase } from '../fixtures/temp-base.ts'

const IDENTITY = { v: 1, key: 'id', id: 'a', kind: 'upload' } as const

function parse(fields: Fields): string {
  checkIdentity(fields, IDENTITY)
  return nameIn(fields)
}

describe('records on disk', () => {
  function written(text: string): string {
    const path = join(tempBase(), 'record.json')
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }

  test('a record is read when it has the expected version, identity and members', () => {
    const path = written('{"v":1,"id":"a","name":"clip.mkv"}')
    expect(readClaimable(fs, path, parse)).toEqual({ state: 'read', record: 'clip.mkv' })
  })

  test.each([
    ['{"v":2,"id":"a","name":"x"}', 'it was written by another version of this package'],
    ['{"id":"a","name":"x"}', 'it has no version'],
    ['{"v":1,"id":"b","name":"x"}', 'it is the record of another upload'],
    ['{"v":1,"id":"a","name":"../x"}', 'its name is not a plain file name'],
    ['{"v":1,"id":"a"}', 'its name is not a plain file name'],
    ['null', 'it is not an object'],
    ['{"v":1,', 'it is not JSON'],
  ])('the record %s is refused: %s', (text, why) => {
    expect(readClaimable(fs, written(text), parse)).toEqual({ state: 'refused', why })
  })

  test('a record is missing where no file exists, and refused where a link or a directory has its name', () => {
    const base = tempBase()
    expect(readClaimable(fs, join(base, 'record.json'), parse)).toEqual({ state: 'missing' })
    symlinkSync(written('{"v":1,"id":"a","name":"x"}'), join(base, 'link'))
    mkdirSync(join(base, 'directory'))
    for (const name of ['link', 'directory'])
      expect(readClaimable(fs, join(base, name), parse).state).toBe('refused')
  })

  test.skipIf(process.geteuid?.() !== 0)('a record of another user is refused (needs root)', () => {
    const path = written('{"v":1,"id":"a","name":"x"}')
    chownSync(path, 12345, 12345)
    expect(readClaimable(fs, path, parse)).toMatchObject({ why: 'it belongs to another user' })
  })

  test('a record that the system cannot read keeps the cause, because a later reading may succeed', () => {
    const cause = Object.assign(new Error('EMFILE'), { code: 'EMFILE' })
    const failing = {
      ...fs,
      openSync: () => {
        throw cause
      },
    } as unknown as typeof fs
    expect(readClaimable(failing, '/record.json', parse)).toMatchObject({ state: 'refused', cause })
  })
})

test('an error of a parser that is not a refusal is thrown', () => {
  expect(() =>
    parseClaimable({}, () => {
      throw new TypeError('a defect')
    }),
  ).toThrow('a defect')
  expect(parseClaimable({}, () => refuse('reason'))).toEqual({ state: 'refused', why: 'reason' })
})

test('a time must be a number of at least 0, and a malformed process does not refuse the record', () => {
  expect(parseClaimable({ ttl: -1 }, (fields) => millisecondsIn(fields, 'ttl')).state).toBe('refused')
  expect(parseClaimable({ ttl: 0 }, (fields) => millisecondsIn(fields, 'ttl'))).toMatchObject({ record: 0 })
  expect(processIn({ by: { pid: 7, hostname: 'here' } }, 'by')).toEqual({ pid: 7, hostname: 'here' })
  expect(processIn({ by: 'text' }, 'by')).toEqual({ pid: 0, hostname: '' })
})
