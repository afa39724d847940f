// The effects of the responses of an upload's server. Guarantee: limits are kept until the upload ends, and no address of
// another origin is used.

import { stat } from 'node:fs/promises'
import { expect, onTestFinished, test } from 'vitest'
import { SavedUpload } from '../../../src/http/client/saved-upload.ts'
import { Ended, obey, type Run, remember } from '../../../src/http/client/upload-requests.ts'
import { tempManager } from '../../fixtures/temp-base.ts'

const TARGET = new URL('http://127.0.0.1:9/files')

/** A run that sends ten bytes; nothing is sent here. */
async function aRun(): Promise<Run> {
  const { path } = await tempManager().receive('0123456789')
  const saved = new SavedUpload(TARGET, path, await stat(path))
  onTestFinished(() => saved.forget())
  return {
    upload: { target: TARGET, total: 10 } as Run['upload'], // all that these functions read
    saved,
    onSent: () => {},
    remote: undefined,
    limits: {},
    most: Number.POSITIVE_INFINITY,
    careful: false,
    deadline: Number.POSITIVE_INFINITY,
  }
}

test('a limit holds until another response changes it, and the largest request never grows', async () => {
  const run = await aRun()
  obey(run, { 'upload-limit': 'max-append-size=4, min-append-size=2' })
  obey(run, { 'upload-limit': 'max-append-size=8' })
  obey(run, {})
  expect([run.most, run.limits['min-append-size'], run.limits['max-append-size']]).toEqual([4, 2, 8])
})

test('a max-size below the file ends the upload, which is to be cancelled', async () => {
  const run = await aRun()
  obey(run, { 'upload-limit': 'max-size=10' })
  const error = await Promise.resolve()
    .then(() => obey(run, { 'upload-limit': 'max-size=9' }))
    .catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(Ended)
  expect(error).toMatchObject({ cancel: true, cause: { details: { status: 413 } } })
})

test('the address of an upload is kept with the end of its lifetime', async () => {
  const run = await aRun()
  await remember(run, 'draft', '/files/one')
  obey(run, { 'upload-limit': 'max-age=3600' })
  const until = run.remote?.until ?? 0
  expect(run.remote).toMatchObject({ protocol: 'draft', url: 'http://127.0.0.1:9/files/one' })
  expect(Math.abs(until - Date.now() - 3_600_000)).toBeLessThan(60_000)
  await expect.poll(() => run.saved.load()).toEqual(run.remote)
})

test('an address of another origin is refused, and not kept', async () => {
  const run = await aRun()
  await expect(remember(run, 'draft', 'http://localhost:9/files/one')).rejects.toMatchObject({
    code: 'ERR_TEMP_UPLOAD_FAILED',
  })
  expect([run.remote, await run.saved.load()]).toEqual([undefined, undefined])
})
