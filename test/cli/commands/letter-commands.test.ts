import { expect, test } from 'vitest'
import type { HandoffInfo } from '../../../src/index.ts'
import { tempManager } from '../../fixtures/temp-base.ts'
import { run } from '../command-line.ts'

/** A dead letter: claimed once, which is the most, and given back. */
async function deadLetter() {
  const manager = tempManager({ name: 'cli', handoff: { maxAttempts: 1 } })
  const ticket = await (await manager.receive('four')).handOff()
  await manager.withClaim(ticket, () => Promise.reject(new Error('of the worker'))).catch(() => {})
  expect(await manager.inspect(ticket)).toMatchObject({ state: 'dead' })
  return { manager, ticket, root: ['--root', manager.root] }
}

test('ls lists a dead letter with its last error, and retry makes it claimable again', async () => {
  const { manager, ticket, root } = await deadLetter()
  const { stdout } = await run(['ls', ...root])
  expect(stdout).toMatch(new RegExp(`^${ticket} +dead .*\\n {4}.*of the worker$`, 'm'))
  expect(await run(['retry', ticket, ...root])).toMatchObject({
    status: 0,
    stdout: `retried: ${ticket}\n`,
    stderr: '',
  })
  expect(await manager.inspect(ticket)).toMatchObject({ state: 'available', claimable: true })
  expect(JSON.parse((await run(['inspect', ticket, ...root, '--json'])).stdout) as HandoffInfo).toMatchObject(
    { attempts: 1 },
  )
})

test('discard deletes a dead letter, and a second discard is status 3', async () => {
  const { manager, ticket, root } = await deadLetter()
  const { status, stdout } = await run(['discard', ticket, ...root, '--json'])
  expect(status).toBe(0)
  expect(JSON.parse(stdout)).toEqual({ ticket, done: 'discarded' })
  expect(await manager.handoffs()).toEqual([])
  expect((await run(['discard', ticket, ...root])).status).toBe(3)
})

test('discard refuses a handoff that a living process has claimed, with status 1', async () => {
  const manager = tempManager({ name: 'cli' })
  const ticket = await (await manager.receive('four')).handOff()
  await using claim = await manager.claim(ticket)
  const { status, stderr } = await run(['discard', ticket, '--root', manager.root])
  expect(status).toBe(1)
  expect(stderr).toContain('claimed')
  expect(claim.disposed).toBe(false)
})
