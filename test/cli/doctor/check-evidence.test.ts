import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkEnvironment, checkLease, checkProc } from '../../../src/cli/doctor/check-evidence.ts'
import { tempBase } from '../../fixtures/temp-base.ts'

test('a lease is bound, asked and released, and nothing of it is left', async () => {
  const base = tempBase()
  expect(await checkLease(base)).toMatchObject({ check: 'lease', status: 'ok' })
  expect(readdirSync(base)).toEqual([])
})

test('without a base directory no lease is tried', async () => {
  expect((await checkLease(join(tempBase(), 'later'))).status).toBe('note')
})

test('/proc of this machine is good evidence', () => {
  expect(checkProc().status).toBe('ok')
})

test.each([
  [{}, 'ok'],
  [{ TEMP_FILE_MANAGER_DIR: '/srv' }, 'ok'],
  [{ TEMP_FILE_MANAGER_PRESERVE: '1' }, 'warning'],
])('the environment %j is %s', (env, status) => {
  expect(checkEnvironment(env).status).toBe(status)
})

test('failures that are kept are mentioned', () => {
  expect(checkEnvironment({ TEMP_FILE_MANAGER_PRESERVE: 'on-error' }).found).toContain('kept')
})
