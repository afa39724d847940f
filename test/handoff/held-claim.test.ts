import { once } from 'node:events'
import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { tempManager } from '../fixtures/temp-base.ts'

async function claimed() {
  const manager = tempManager({ onCleanupError: () => {} })
  const ticket = await (await manager.receive('text')).handOff()
  return { manager, claim: await manager.claim(ticket) }
}

describe('claim.signal', () => {
  it('claim.signal aborts when the claim is taken away', async () => {
    const { manager, claim } = await claimed()
    const aborted = once(claim.signal, 'abort')
    renameSync(
      join(manager.sessionPath ?? '', 'claims', claim.ticket),
      join(manager.root, 'handoffs', claim.ticket),
    )
    await aborted
    expect(claim.signal.reason).toMatchObject({ code: 'ERR_TEMP_HANDOFF_GONE' })
  })

  it('claim.signal aborts when the session is lost', async () => {
    const { manager, claim } = await claimed()
    const aborted = once(claim.signal, 'abort')
    rmSync(manager.sessionPath ?? '', { recursive: true })
    await aborted
    expect(claim.signal.reason).toMatchObject({ code: 'ERR_TEMP_SESSION_LOST' })
  })

  it.each(['close', 'closeSync'] as const)(
    'claim.signal aborts when its manager is closed by %s()',
    async (close) => {
      const { manager, claim } = await claimed()
      const { signal } = claim
      const closing = manager[close]()
      expect(signal.reason).toMatchObject({ code: 'ERR_TEMP_CLOSED' })
      await closing
    },
  )

  it.each(['complete', 'release'] as const)('claim.signal does not abort after %s()', async (end) => {
    const { manager, claim } = await claimed()
    const { signal } = claim
    await claim[end]()
    await manager.close()
    expect(signal.aborted).toBe(false)
  })
})
