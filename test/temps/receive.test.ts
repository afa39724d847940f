import nodeFs, { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import type { FileSystem, ReceivedFile, TempFileManager } from '../../src/index.ts'
import { failure } from '../fixtures/failures.ts'
import { tempManager } from '../fixtures/temp-base.ts'

/** The names in the session that are not the library's own records, and the descriptors on its files. */
function traces(manager: TempFileManager): string[] {
  const session = manager.sessionPath ?? ''
  const files = readdirSync(session).filter((name) => name.startsWith('tmp-'))
  if (process.platform !== 'linux') return files
  const open = readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`)
      return target.startsWith(`${session}/tmp-`) ? [`open: ${target}`] : []
    } catch {
      return []
    }
  })
  return [...files, ...open]
}

async function* broken(): AsyncGenerator<Buffer> {
  yield Buffer.from('partial')
  throw new Error('connection lost')
}

const failingClose: FileSystem = {
  ...nodeFs,
  native: true,
  close: (fd, callback) =>
    nodeFs.close(fd, () => callback(Object.assign(new Error('EDQUOT'), { code: 'EDQUOT' }))),
}

describe('receive', () => {
  test('receive() returns the file with its size, digest and detected type', async () => {
    const manager = tempManager()
    const png = Buffer.from('89504e470d0a1a0a0000000d4948445200000001000000010806000000', 'hex')
    const file = await manager.receive(Readable.from([png]), {
      hash: 'sha256',
      accept: { types: ['image/png'] },
    })
    expect(readFileSync(file.path)).toEqual(png)
    expect(file).toMatchObject({ bytes: png.length, detectedType: 'image/png', kind: 'file' })
    expect(file.digest).toMatch(/^[0-9a-f]{64}$/)
    expect(manager.stats()).toMatchObject({ entries: 1, bytes: png.length })
  })

  test.each<[string, object, (manager: TempFileManager) => Promise<ReceivedFile>]>([
    [
      'a source that fails',
      { cause: { message: 'connection lost' } },
      (manager) => manager.receive(Readable.from(broken())),
    ],
    [
      'a limit that is exceeded',
      { code: 'ERR_TEMP_TOO_LARGE' },
      (manager) => manager.receive(Readable.from([Buffer.alloc(9)]), { maxBytes: 8 }),
    ],
    [
      'a source that fails, under an exact name',
      { cause: { message: 'connection lost' } },
      (manager) => manager.receive(Readable.from(broken()), { name: 'report.txt' }),
    ],
    [
      'a rule that refuses the complete file',
      { message: 'refused' },
      (manager) =>
        manager.receive(Readable.from([Buffer.from('x')]), {
          accept: {
            validate: () => {
              throw new Error('refused')
            },
          },
        }),
    ],
  ])(
    'receive() leaves no file, no descriptor and nothing in the quota after %s',
    async (_, expected, receive) => {
      const manager = tempManager()
      manager.file() // the session exists
      const before = traces(manager)
      await expect(receive(manager)).rejects.toMatchObject(expected)
      expect(traces(manager)).toEqual(before)
      expect(manager.stats()).toMatchObject({ entries: 1, bytes: 0 })
    },
  )

  test('receive() removes a file whose close fails: a network file system reports a failed write there', async () => {
    const manager = tempManager({ fs: failingClose })
    await failure('ERR_TEMP_NO_SPACE', () => manager.receive(Readable.from([Buffer.from('x')])))
    expect(traces(manager)).toEqual([])
    expect(manager.stats()).toMatchObject({ entries: 0, bytes: 0 })
  })

  test('receive() gives validate() the complete file', async () => {
    const manager = tempManager()
    let seen = ''
    const file = await manager.receive(Readable.from([Buffer.from('content')]), {
      accept: {
        validate: (received) => {
          seen = readFileSync(received.path, 'utf8')
        },
      },
    })
    expect(seen).toBe('content')
    expect(existsSync(file.path)).toBe(true)
  })
})
