// The worker-threads example, with ffmpeg where it is installed, and without it.

import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cleanUpAfterEach, filesBelow, have, ownDirectory, run } from './programs.ts'

cleanUpAfterEach()

const ffmpeg = have('ffmpeg', '-version')

test.skipIf(!ffmpeg)(
  `clips go through the pool with the real ffmpeg; an aborted task and a crashed worker lose nothing${ffmpeg ? '' : ' (skipped: ffmpeg is not installed)'}`,
  async () => {
    const directory = await ownDirectory()
    const { status, output } = await run('worker-threads/main.ts', directory)
    expect(output).not.toContain('NOT SO')
    expect(output.match(/\.web\.mp4, \d+ KB, by ffmpeg, attempt 1/g)).toHaveLength(4)
    expect(output.match(/clip\.web\.mp4, \d+ KB, by ffmpeg, attempt 2/g)).toHaveLength(2)
    expect(status).toBe(0)
    expect(await filesBelow(directory)).toEqual([])
  },
)

test('without ffmpeg the example reports that and computes digests', async () => {
  const directory = await ownDirectory()
  // A PATH that holds node and nothing else.
  const path = join(await ownDirectory(), 'bin')
  await mkdir(path)
  await symlink(process.execPath, join(path, 'node'))
  const { status, output } = await run('worker-threads/main.ts', directory, { PATH: path })
  expect(output).toContain('ffmpeg is not installed here')
  expect(output.match(/\.report\.json/g)).toHaveLength(6)
  expect(output).not.toContain('NOT SO')
  expect(status).toBe(0)
})
