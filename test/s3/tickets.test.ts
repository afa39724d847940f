import { expect, it } from 'vitest'
import type { Bucket } from '../../src/s3/bucket.ts'
import { Keys } from '../../src/s3/keys.ts'
import { ticketPages } from '../../src/s3/tickets.ts'
import { smallBucket } from '../fixtures/small-bucket.ts'

it.each([1, 2, 3, 4, 5, 1000])(
  'every ticket is listed once and whole, with pages of %i objects',
  async (pageSize) => {
    const memory = smallBucket()
    memory.pageSize = pageSize
    const keys = new Keys('p/')
    const tickets = ['0', '1', '2', '3'].map((first) => first.repeat(26))
    for (const ticket of tickets) {
      memory.objects.set(keys.record(ticket), Buffer.from('r'))
      if (ticket !== tickets[1]) memory.objects.set(keys.data(ticket, 5), Buffer.from('d'))
    }
    memory.objects.set(keys.probe(), Buffer.from('x'))
    memory.objects.set('p/zz-foreign', Buffer.from('x'))
    memory.objects.set(`p/${tickets[0]}/foreign`, Buffer.from('x'))
    const bucket = memory as unknown as Bucket // only list() is called
    const seen: [string, boolean, number[]][] = []
    let probes = 0
    for await (const page of ticketPages({ bucket, keys, timeoutMs: 1000 }, undefined)) {
      probes += page.probes.length
      for (const { ticket, record, data } of page.tickets)
        seen.push([ticket, record !== undefined, data.map(({ ttlMs }) => ttlMs)])
    }
    expect(seen).toEqual(tickets.map((ticket, index) => [ticket, true, index === 1 ? [] : [5]]))
    expect(probes).toBe(1)
  },
)
