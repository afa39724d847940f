import { createHash, randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { partBytesFor } from '../../src/s3/upload-file.ts'
import { cephStore, gateway, haveCeph, lost, needsCeph, newClient, onAnswer } from '../fixtures/ceph.ts'
import { failure } from '../fixtures/failures.ts'
import { tempManager } from '../fixtures/temp-base.ts'
import { unsteadyProxy } from '../fixtures/unsteady-proxy.ts'

const MIB = 1024 * 1024

describe('part sizes', () => {
  it.each([
    [0, 8 * MIB],
    [8 * MIB, 8 * MIB],
    [80_000 * MIB, 8 * MIB],
    [80_001 * MIB, 9 * MIB],
    [5 * 1024 * 1024 * MIB, 525 * MIB],
  ])('the size of a part keeps a file of %i bytes within 10,000 parts', (bytes, part) => {
    expect(partBytesFor(bytes)).toBe(part)
    expect(Math.ceil(bytes / part)).toBeLessThanOrEqual(10_000)
  })
})

describe.skipIf(!haveCeph)(`uploads to a bucket${needsCeph}`, () => {
  it('an upload of several parts survives broken connections, and arrives with its digest', async () => {
    const { endpoint } = await gateway()
    const proxy = await unsteadyProxy(endpoint)
    const client = newClient({ ...(await gateway()), endpoint: proxy.endpoint })
    const { store } = await cephStore({ client })
    await store.probe()
    const content = randomBytes(20 * MIB)
    const file = await tempManager().receive(content)
    proxy.loseAnswers = 3
    const ticket = await store.handOff(file)
    expect([proxy.breaks, file.disposed]).toEqual([3, true])
    await using claim = await store.claim(ticket, { download: false })
    const hash = createHash('sha256')
    for await (const chunk of claim.stream()) hash.update(chunk)
    expect(hash.digest('hex')).toBe(createHash('sha256').update(content).digest('hex'))
    await claim.complete()
  })

  it('an upload that fails leaves the file, no object and no unfinished multipart upload', async () => {
    const { store, keys } = await cephStore()
    await store.probe()
    const file = await tempManager().receive(randomBytes(20 * MIB))
    const stop = new AbortController()
    const publishing = failure('ERR_TEMP_ABORTED', () => store.handOff(file, { signal: stop.signal }))
    setImmediate(() => stop.abort())
    await publishing
    expect(file.disposed).toBe(false)
    expect(await keys()).toEqual([])
    expect((await store.sweep({ uploadsAfter: 0, dryRun: true })).items).toEqual([])
  })

  it.each([
    ['one request', 1, 'PUT'],
    ['several parts', 9 * MIB, 'POST'],
  ])('an upload that fails when its data is stored already leaves no object: %s', async (_, bytes, last) => {
    const client = newClient(await gateway())
    const { store, keys } = await cephStore({ client })
    await store.probe()
    const file = await tempManager().receive(randomBytes(bytes))
    const stop = new AbortController()
    onAnswer(client, ({ method, query }) => {
      if (method !== last || 'uploads' in query) return
      stop.abort()
      throw lost
    })
    await failure('ERR_TEMP_ABORTED', () => store.handOff(file, { signal: stop.signal }))
    expect(await keys()).toEqual([])
  })

  it('an upload of a file that is gone, or of a path that is not a file, is refused', async () => {
    const { store, keys } = await cephStore()
    const file = tempManager().file()
    await file.remove()
    await failure('ERR_TEMP_REMOVED', () => store.handOff(file))
    await failure('ERR_TEMP_IO', () =>
      store.handOff({ kind: 'file', name: 'x', path: '/dev/null', remove: async () => {} }),
    )
    expect(await keys()).toEqual([])
  })
})
