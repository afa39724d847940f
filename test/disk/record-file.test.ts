import { execFileSync } from 'node:child_process'
import fs, { existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { readRecord, writeRecord } from '../../src/disk/record-file.ts'
import { failureSync } from '../fixtures/failures.ts'
import { systemError } from '../fixtures/stepping-disk.ts'
import { tempBase } from '../fixtures/temp-base.ts'

const path = (): string => join(tempBase(), 'record.json')
const openFiles = (): number => readdirSync('/proc/self/fd').length

describe('records', () => {
  test('a record is read back unchanged', () => {
    const file = path()
    writeRecord(fs, file, { a: ['ü', null] }, { durable: true })
    expect(readRecord(fs, file)).toEqual({
      state: 'read',
      value: { a: ['ü', null] },
      uid: statSync(file).uid,
    })
  })

  test.each([0o000, 0o022, 0o277, 0o777])('a record has mode 0600 under umask %o', (umask) => {
    const file = path()
    const before = process.umask(umask)
    onTestFinished(() => void process.umask(before))
    writeRecord(fs, file, {})
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  test('a record never replaces an existing file, and never follows a link', () => {
    const file = path()
    writeRecord(fs, file, 1)
    expect(() => writeRecord(fs, file, 2)).toThrow(expect.objectContaining({ code: 'EEXIST' }))
    symlinkSync('target', `${file}.link`)
    expect(() => writeRecord(fs, `${file}.link`, 2)).toThrow(expect.objectContaining({ code: 'EEXIST' }))
    expect(readRecord(fs, file)).toMatchObject({ value: 1 })
  })

  test('a record that would be too large to be read is refused, and no file is made', () => {
    const file = path()
    writeRecord(fs, file, 'x'.repeat(512 * 1024 - 2))
    expect(readRecord(fs, file).state).toBe('read')
    failureSync('ERR_TEMP_OPTION_INVALID', () => writeRecord(fs, `${file}.large`, 'x'.repeat(512 * 1024 - 1)))
    expect(existsSync(`${file}.large`)).toBe(false)
  })
})

test.each<[string, (disk: typeof fs) => Partial<typeof fs>]>([
  [
    'the disk is full after its first half',
    (disk) => ({
      writeSync: ((fd: number, data: Uint8Array) => {
        if (data.length < 8) throw systemError('ENOSPC')
        return disk.writeSync(fd, data.subarray(0, data.length - 4))
      }) as typeof fs.writeSync,
    }),
  ],
  [
    'it cannot be synced',
    () => ({
      fsyncSync: () => {
        throw systemError('EIO')
      },
    }),
  ],
  [
    'it cannot be closed',
    (disk) => ({
      closeSync: (fd) => {
        disk.closeSync(fd)
        throw systemError('EDQUOT')
      },
    }),
  ],
])('a record is absent when %s, and the failure is thrown', (_, failing) => {
  const file = path()
  const before = openFiles()
  expect(() => writeRecord({ ...fs, ...failing(fs) }, file, { a: 'long enough' }, { durable: true })).toThrow(
    /injected/,
  )
  expect([readRecord(fs, file), openFiles()]).toEqual([{ state: 'missing' }, before])
  writeRecord(fs, file, 'again', { durable: true })
})

describe('readRecord', () => {
  test('readRecord() reports a record that does not exist as missing', () => {
    expect(readRecord(fs, path())).toEqual({ state: 'missing' })
  })

  test.each<[string, (file: string) => void, string]>([
    ['a link to a record', (file) => symlinkSync('/etc/hostname', file), 'it is a symbolic link'],
    ['a directory', (file) => mkdirSync(file), 'it is not a regular file'],
    ['a FIFO without a writer', (file) => void execFileSync('mkfifo', [file]), 'it is not a regular file'],
    ['text that is not JSON', (file) => writeFileSync(file, '{"a":'), 'it is not JSON'],
    ['an empty file', (file) => writeFileSync(file, ''), 'it is not JSON'],
    [
      'a file of half a megabyte and one byte',
      (file) => writeFileSync(file, Buffer.alloc(512 * 1024 + 1)),
      'it is too large',
    ],
  ])('readRecord() reports %s as unreadable, and leaves no descriptor open', (_, plant, why) => {
    const file = path()
    plant(file)
    const before = openFiles()
    expect(readRecord(fs, file)).toEqual({ state: 'unreadable', why })
    expect(openFiles()).toBe(before)
  })

  test('readRecord() reports the error of a read that the system refused', () => {
    const cause = Object.assign(new Error('EMFILE'), { code: 'EMFILE' })
    const failing = {
      ...fs,
      openSync: () => {
        throw cause
      },
    }
    expect(readRecord(failing, path())).toMatchObject({ state: 'unreadable', cause })
  })
})
