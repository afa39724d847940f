// Real programs that leave files in TMPDIR when they are killed.

import { existsSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, expectTypeOf, test } from 'vitest'
import { TempFileManager } from '../../src/index.ts'
import { family } from '../fixtures/family.ts'
import { tempBase } from '../fixtures/temp-base.ts'

const NUMBERS = 'seq 1 100000000'

test.each([
  ['sort', ['bash', '-c', `sort -R -S 1M <(${NUMBERS})`], /^sort/],
  [
    'ffmpeg',
    ['bash', '-c', 'exec ffmpeg -nostdin -f lavfi -i testsrc -c:v mpeg4 "$TMPDIR/out.avi"'],
    /^out\.avi$/,
  ],
  [
    'Chromium',
    ['chromium', '--headless', '--no-sandbox', '--disable-gpu', '--remote-debugging-port=0', 'about:blank'],
    /chromium/i,
  ],
])(
  '%s with dir.env(), killed with SIGKILL together with its parent: the next sweep removes what it left',
  async (_name, command, left) => {
    const baseDir = tempBase('/tmp') // short enough for Chromium's sockets
    const { path, killAll } = await family(baseDir, 'env', command)
    const names = () => {
      if (existsSync(path)) return readdirSync(path).filter((name) => left.test(name))
      throw new Error(`The program ended by itself: ${readFileSync(join(baseDir, 'stderr'), 'utf8')}`)
    }
    while (names().length === 0) await new Promise((resolve) => setTimeout(resolve, 5)) // until it has written
    await killAll()
    expect(names()).not.toEqual([])
    await using manager = new TempFileManager({
      baseDir,
      name: 'parent',
      sweep: { onStart: false, every: false },
    })
    expect(await manager.sweep()).toMatchObject({ sessionsRemoved: 1, errors: [] })
    expect(existsSync(path)).toBe(false)
  },
)

test('env() points TMPDIR, TMP and TEMP at the directory, and fails once it is removed', async () => {
  await using manager = new TempFileManager({ baseDir: tempBase() })
  const dir = manager.dir()
  expect(dir.env()).toEqual({ TMPDIR: dir.path, TMP: dir.path, TEMP: dir.path })
  expectTypeOf(dir.env()).toExtend<NodeJS.ProcessEnv>()
  const { TMPDIR, TMP, TEMP } = dir.env({ short: true })
  expect([realpathSync(TMPDIR), TMP, TEMP]).toEqual([dir.path, TMPDIR, TMPDIR])
  writeFileSync(join(TMPDIR, 'x'), '')
  expect(readdirSync(dir.path)).toEqual(['x'])
  dir.removeSync()
  expect(() => dir.env()).toThrow(expect.objectContaining({ code: 'ERR_TEMP_REMOVED' }))
})
