// The operations on handoffs: published, claimed and ended in each way. Guarantee: one that failed or was cut short
// is done, or leaves what was there, whole.

import { join } from 'node:path'
import { fullDir, fullFile, type Operation, opened, STAYS, withTicket } from './preparing.ts'

function handingOff(name: string, tree: boolean, durable: boolean): Operation {
  return {
    name,
    truth: { done: { handoffs: [1] }, failed: {}, killed: { handoffs: [0, 1] } },
    async prepare(ground) {
      const manager = await opened(ground)
      const entry = tree ? fullDir(manager) : fullFile(manager)
      return { manager, intact: entry, act: () => entry.handOff({ durable, meta: { n: 1 } }) }
    },
  }
}

export const HANDOFFS: readonly Operation[] = [
  handingOff('handOff a file', false, true),
  handingOff('handOff a tree', true, true),
  handingOff('handOff, not durable', false, false),
  {
    name: 'claim',
    truth: STAYS,
    async prepare(ground) {
      const { manager, ticket } = await withTicket(ground)
      return { manager, act: () => manager.claim(ticket) }
    },
  },
  {
    name: 'complete',
    truth: { done: {}, failed: { handoffs: [0, 1] }, killed: { handoffs: [0, 1] } },
    async prepare(ground) {
      const { manager, ticket } = await withTicket(ground)
      const claim = await manager.claim(ticket)
      return { manager, act: () => claim.complete() }
    },
  },
  {
    name: 'release',
    truth: STAYS,
    async prepare(ground) {
      const { manager, ticket } = await withTicket(ground)
      const claim = await manager.claim(ticket)
      return { manager, act: () => claim.release() }
    },
  },
  {
    name: 'release with a reason',
    truth: STAYS,
    async prepare(ground) {
      const { manager, ticket } = await withTicket(ground)
      const claim = await manager.claim(ticket)
      return { manager, act: () => claim.release(new Error('it failed')) }
    },
  },
  {
    name: 'retry',
    truth: STAYS,
    async prepare(ground) {
      const { manager, ticket } = await withTicket(ground)
      return { manager, act: () => manager.retry(ticket) }
    },
  },
  {
    name: 'persist a claim',
    truth: {
      done: { destination: [1] },
      failed: { handoffs: [1] },
      killed: { handoffs: [0, 1], destination: [0, 1] },
    },
    async prepare(ground) {
      const { manager, ticket } = await withTicket(ground)
      const claim = await manager.claim(ticket)
      const destination = join(ground.beside, 'destination')
      return { manager, act: () => claim.persist(destination, { durable: true }) }
    },
  },
  {
    name: 'persist a claim, other device',
    crosses: true,
    truth: {
      // A claim that cannot be completed after the data has arrived is delivered again.
      done: { destination: [1], handoffs: [0, 1] },
      failed: { handoffs: [1] },
      killed: { handoffs: [0, 1], destination: [0, 1] },
    },
    async prepare(ground) {
      const { manager, ticket } = await withTicket(ground)
      const claim = await manager.claim(ticket)
      const destination = join(ground.far, 'destination')
      return { manager, act: () => claim.persist(destination, { durable: true }) }
    },
  },
  {
    name: 'handOff of a claim',
    truth: { done: { handoffs: [1] }, failed: { handoffs: [1] }, killed: { handoffs: [1] } },
    async prepare(ground) {
      const { manager, ticket } = await withTicket(ground)
      const claim = await manager.claim(ticket)
      return { manager, act: () => claim.handOff() }
    },
  },
]
