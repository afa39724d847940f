import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { SavedUpload } from '../../../src/http/client/saved-upload.ts'
import { putFile } from '../../../src/http/index.ts'
import { tempBase } from '../../fixtures/temp-base.ts'
import { serve } from '../premises.ts'

const TARGET = new URL('http://127.0.0.1/files')
const REMOTE = { protocol: 'draft', url: 'http://127.0.0.1/files/one' } as const

/** A file in a temporary directory of its own, where uploads are remembered too. */
function place(): string {
  const base = tempBase()
  vi.stubEnv('TMPDIR', base)
  vi.stubEnv('TEMP', base) // Windows
  onTestFinished(() => void vi.unstubAllEnvs())
  const path = join(mkdtempSync(join(base, 'd-')), 'film')
  writeFileSync(path, '12345')
  return path
}

const saved = (path: string, target = TARGET): SavedUpload => new SavedUpload(target, path, statSync(path))

test('an upload is remembered for the same file and address, until it is forgotten', async () => {
  const path = place()
  await saved(path).save(REMOTE)
  expect(await saved(path).load()).toEqual(REMOTE)
  await saved(path).forget()
  expect(await saved(path).load()).toBeUndefined()
})

test('another address, or a file that has changed, is another upload', async () => {
  const path = place()
  await saved(path).save(REMOTE)
  expect(await saved(path, new URL('http://127.0.0.1/others')).load()).toBeUndefined()
  writeFileSync(path, '123456')
  expect(await saved(path).load()).toBeUndefined()
  await saved(path).forget()
})

test('an upload whose lifetime is over is not continued', async () => {
  const path = place()
  const ending = saved(path)
  await ending.save({ ...REMOTE, until: Date.now() + 60_000 })
  expect(await ending.load()).toMatchObject(REMOTE)
  await ending.save({ ...REMOTE, until: Date.now() - 1 })
  expect(await ending.load()).toBeUndefined()
  await ending.forget()
})

test('a save that was not awaited does not outlive what follows it', async () => {
  const path = place()
  const upload = saved(path)
  void upload.save(REMOTE)
  await upload.forget()
  expect(await upload.load()).toBeUndefined()
})

test('what nobody has continued for a month is forgotten when another upload is remembered', async () => {
  const path = place()
  const [old, young] = [new URL('http://127.0.0.1/old'), new URL('http://127.0.0.1/young')]
  await saved(path, old).save(REMOTE)
  const directory = join(tmpdir(), readdirSync(tmpdir()).find((name) => name.includes('-sending-')) ?? '')
  const [first = ''] = readdirSync(directory)
  const monthAgo = Date.now() / 1000 - 31 * 24 * 3600
  utimesSync(join(directory, first), monthAgo, monthAgo)
  await saved(path, young).save(REMOTE)
  await saved(path).save(REMOTE)
  expect([await saved(path, old).load(), await saved(path, young).load()]).toEqual([undefined, REMOTE])
  expect(readdirSync(directory)).toHaveLength(2)
})

test('a directory that is a link is not used', async () => {
  const path = place()
  const elsewhere = tempBase()
  symlinkSync(elsewhere, join(process.env['TMPDIR'] ?? '', `temp-file-manager-sending-${process.getuid?.()}`))
  await saved(path)
    .save(REMOTE)
    .catch(() => {})
  expect(await saved(path).load()).toBeUndefined()
})

test.skipIf(process.platform !== 'linux')(
  'a file that has no name any more is sent, without being remembered and without an unhandled rejection',
  async () => {
    const rejections: unknown[] = []
    const note = (error: unknown): void => void rejections.push(error)
    process.on('unhandledRejection', note)
    onTestFinished(() => void process.off('unhandledRejection', note))
    const server = await serve((req, res) => req.resume().on('end', () => res.end('arrived')))
    onTestFinished(() => server.close())
    const path = place()
    const fd = openSync(path, 'r')
    onTestFinished(() => closeSync(fd))
    unlinkSync(path)
    const { body } = await putFile(server.url, { path: `/proc/self/fd/${fd}` }, { resumable: true })
    expect([body, rejections]).toEqual(['arrived', []])
  },
)
