import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Child } from '../fixtures/child.ts'
import { failure } from '../fixtures/failures.ts'
import { namesIn, published } from '../fixtures/handoff-root.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

async function held(way: string): Promise<{ child: Child; ticket: string; baseDir: string }> {
  const baseDir = tempBase()
  const publisher = tempManager({ baseDir })
  const ticket = await (await publisher.receive('text')).handOff()
  await publisher.close()
  return { child: new Child('handoff-holder.ts', { args: [baseDir, way, ticket] }), ticket, baseDir }
}

describe('claims of dead processes', () => {
  it('the claim of a process that died by kill -9 is free for the next claimant at once, without a sweep', async () => {
    const { child, ticket, baseDir } = await held('wait')
    await child.line('HELD')
    const manager = tempManager({ baseDir })
    const error = await failure('ERR_TEMP_HANDOFF_CLAIMED', () => manager.claim(ticket))
    expect(error.details).toMatchObject({ pid: child.pid })
    child.kill('SIGKILL')
    await child.end
    const claim = await manager.claim(ticket)
    expect([claim.attempt, readFileSync(claim.path, 'utf8')]).toEqual([2, 'text'])
    expect(namesIn(manager.root, 'sessions')).toHaveLength(1)
  })

  it('the claim of a process that died by kill -9 is given back by a sweep, which reports it', async () => {
    const { child, ticket, baseDir } = await held('wait')
    await child.line('HELD')
    child.kill('SIGKILL')
    await child.end
    const report = await tempManager({ baseDir }).sweep()
    expect(report.claimsGivenBack).toEqual([ticket])
    expect(report.handoffs).toMatchObject([{ ticket, state: 'available', attempts: 1 }])
  })

  it('the claim of a terminated worker thread is free at once, while its process lives', async () => {
    const { child, ticket, baseDir } = await held('thread')
    await child.line('HELD')
    const manager = tempManager({ baseDir })
    await failure('ERR_TEMP_HANDOFF_CLAIMED', () => manager.claim(ticket))
    child.process.stdin?.write('now\n')
    await child.line('TERMINATED')
    const claim = await manager.claim(ticket)
    expect([claim.attempt, readFileSync(claim.path, 'utf8')]).toEqual([2, 'text'])
    process.kill(child.pid, 0) // it lives
    child.process.stdin?.end()
    expect((await child.end).code).toBe(0)
  })

  it.each([
    ['exit', 7, 'within withClaim, by process.exit()'],
    ['throw', 1, 'of an uncaught exception'],
    ['empty', 0, 'because nothing was left to do'],
  ])('a claim is back when its process ends (%s, status %i) %s', async (way, status, _) => {
    const { child, ticket, baseDir } = await held(way)
    expect((await child.end).code).toBe(status)
    const manager = tempManager({ baseDir })
    expect(published(manager.root)).toEqual([ticket])
    expect(namesIn(manager.root, 'sessions')).toEqual([])
    expect((await manager.claim(ticket)).attempt).toBe(2)
  })

  it('the claim of a process that ends with SIGTERM is back as the process ends', async () => {
    const { child, ticket, baseDir } = await held('wait')
    await child.line('HELD')
    child.kill('SIGTERM')
    expect((await child.end).signal).toBe('SIGTERM')
    expect(published(tempManager({ baseDir }).root)).toEqual([ticket])
  })
})
