// Node's permission model, with the flags that docs/operations.md names, on the Node that runs the suite (the runtimes
// step runs it on each supported one).

import { chmodSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { bundle } from '../fixtures/bundle.ts'
import { runChild } from '../fixtures/child.ts'
import { tempBase } from '../fixtures/temp-base.ts'

const MAJOR = Number(process.versions.node.split('.')[0])
const FLAG = MAJOR < 22 ? '--experimental-permission' : '--permission'
/** A directory on another device, without a mount. */
const OTHER_DEVICE = '/dev/shm'
const DISABLED =
  "ERR_TEMP_IO: Node's permission model disables fsync, so nothing can be made durable. Pass durable: false, or run without --permission."

let program = ''
beforeAll(async () => {
  program = join(await bundle('permission'), 'permission.cjs')
})

async function run(
  flags: readonly string[],
  writable: readonly string[],
): Promise<{ results: Record<string, unknown>; stderr: string }> {
  const grants = writable.map((directory) => `--allow-fs-write=${directory}`)
  const { stdout, stderr } = await runChild(program, {
    node: [FLAG, '--no-warnings', ...flags, ...grants],
    args: writable,
  })
  return { results: stdout === '' ? {} : JSON.parse(stdout), stderr }
}

describe.skipIf(process.platform === 'win32')("under Node's permission model", () => {
  test('under the permission model everything works but a durable call, which throws a typed error', async () => {
    const [base, kept] = [tempBase(), tempBase()]
    const elsewhere = existsSync(OTHER_DEVICE) ? [tempBase(OTHER_DEVICE)] : []
    const net = MAJOR < 26 ? [] : ['--allow-net']
    const { results, stderr } = await run(['--allow-fs-read=*', ...net], [base, kept, ...elsewhere])
    expect(stderr).toBe('')
    expect(results).toEqual({
      file: 'text',
      receive: 4,
      tree: true,
      handOff: ['one'],
      'handOff after a cleaner': true,
      upload: 'bytes',
      persist: 'data',
      persistSync: '',
      adopt: 'adopted',
      ...(elsewhere.length > 0 && { 'persist to another device': 'across' }),
      'durable handOff': DISABLED,
      'durable persist': DISABLED,
      after: ['kept', ['empty', 'one'], 0],
      sweep: [],
      leases: ['lease', 'lease-2'],
      left: [],
      errors: [],
    })
  })

  test('under the permission model a source in a directory that others can write is refused', async () => {
    const [base, kept] = [tempBase(), tempBase()]
    mkdirSync(join(kept, 'shared'))
    chmodSync(join(kept, 'shared'), 0o777)
    const { results } = await run(['--allow-fs-read=*'], [base, join(kept, 'shared')])
    expect(results['adopt']).toMatch(/^ERR_TEMP_IO: Other users can change a directory/)
    expect(readdirSync(join(kept, 'shared'))).toContain('source')
  })

  test('a grant that the permission model misses is a typed error that names the flags', async () => {
    const [base, kept] = [tempBase(), tempBase()]
    const { stderr } = await run([`--allow-fs-read=${program}`], [base, kept])
    expect(stderr).toContain('ERR_TEMP_IO')
    expect(stderr).toContain('--allow-fs-read=*')
  })
})
