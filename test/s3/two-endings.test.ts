// A claim ends once. Guarantee tested: of any two endings that meet, a promise of 'completed' and one of 'given back' are
// never both fulfilled, and the ticket is in the state that the fulfilled ones report.

import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { describe, expect, it } from 'vitest'
import { type Claim, isTempFileError } from '../../src/index.ts'
import { BUCKET, cephStore, haveCeph, needsCeph } from '../fixtures/ceph.ts'
import { namesIn, published } from '../fixtures/handoff-root.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

/** A claim, and what is needed to end it and to look at its ticket. */
interface Held {
  readonly claim: Claim
  close(): Promise<void>
  /** An ending of the whole store: S3Handoffs has a close() of its own. */
  closeStore(): Promise<void>
  closeSync(): void
  removeAll(): Promise<void>
  /** Another process takes the claim away, and publishes the handoff again; rejects when it is too late for that. */
  lose(): Promise<void>
  /** 'gone' or the state of the ticket. */
  state(): Promise<string>
  /** The claims that the claimant's manager still counts. */
  held(): unknown
}

type Ending = (held: Held) => unknown

const completing: Record<string, Ending> = {
  'complete()': ({ claim }) => claim.complete(),
  'remove()': ({ claim }) => claim.remove(),
  'removeSync()': ({ claim }) => claim.removeSync(),
  'persist()': ({ claim }) => claim.persist(join(tempBase(), 'kept')),
  'handOff()': ({ claim }) => claim.handOff(),
}
/** Those that promise that the handoff went back. */
const returning: Record<string, Ending> = {
  'release()': ({ claim }) => claim.release('mine'),
  'a loss': (held) => held.lose(),
}
/** Those that promise only that the claim is not held any more. */
const leaving: Record<string, Ending> = {
  'the end of a `using` block': ({ claim }) => claim[Symbol.dispose](),
  'the end of an `await using` block': ({ claim }) => claim[Symbol.asyncDispose](),
  'close()': (held) => held.close(),
  'close() of the store': (held) => held.closeStore(),
  'closeSync()': (held) => held.closeSync(),
  'removeAll()': (held) => held.removeAll(),
}
const endings = { ...completing, ...returning, ...leaving }
const names = Object.keys(endings)

async function onThisHost(kind: 'file' | 'dir', open: boolean): Promise<Held> {
  const baseDir = tempBase()
  const [publisher, manager] = [tempManager({ baseDir }), tempManager({ baseDir })]
  const made = kind === 'file' ? await publisher.receive('x') : publisher.dir()
  const ticket = await made.handOff()
  const claim = await manager.claim(ticket)
  // An open stream makes the endings wait until it is closed.
  if (open && claim.kind === 'file') claim.createReadStream().on('error', () => {})
  const { sessionPath = '', root } = manager
  return {
    claim,
    close: () => manager.close(),
    closeStore: () => manager.close(),
    closeSync: () => manager.closeSync(),
    removeAll: () => manager.removeAll(),
    lose: async () => renameSync(join(sessionPath, 'claims', ticket), join(root, 'handoffs', ticket)),
    state: async () => {
      if (published(root).includes(ticket)) return 'available'
      return namesIn(sessionPath, 'claims').includes(ticket) ? 'claimed' : 'gone'
    },
    held: () => {
      const { claims, entries } = manager.stats()
      return { claims, entries, onDisk: namesIn(sessionPath, 'claims') }
    },
  }
}

async function onAnotherHost(): Promise<Held> {
  const manager = tempManager()
  const publisher = await cephStore()
  const { prefix } = publisher
  const { store, client } = await cephStore({ manager, prefix })
  const ticket = await publisher.store.handOff(await tempManager().receive('x'))
  const claim = await store.claim(ticket)
  const key = { Bucket: BUCKET, Key: `${prefix}${ticket}/record` }
  return {
    claim: claim as unknown as Claim, // what both have
    close: () => manager.close(),
    closeStore: () => store.close(),
    closeSync: () => manager.closeSync(),
    removeAll: () => manager.removeAll(),
    lose: async () => {
      const { Body, ETag } = await client.send(new GetObjectCommand(key))
      const record: unknown = JSON.parse((await Body?.transformToString()) ?? '')
      const other = { ...Object(record), state: 'available', nonce: 'another000' }
      await client.send(new PutObjectCommand({ ...key, Body: JSON.stringify(other), IfMatch: ETag }))
    },
    state: () => stateOf(publisher.store.inspect(ticket)),
    held: () => ({ ...manager.stats(), claims: 0, onDisk: [] }),
  }
}

async function stateOf(inspection: Promise<{ state: string }>): Promise<string> {
  try {
    return (await inspection).state
  } catch (error) {
    if (isTempFileError(error) && error.code === 'ERR_TEMP_HANDOFF_GONE') return 'gone'
    throw error
  }
}

/** Starts both in one turn of the event loop; returns whether each succeeded. */
async function startTogether(held: Held, ...pair: readonly string[]): Promise<boolean[]> {
  const started = pair.map(async (name) => await endings[name]?.(held))
  return (await Promise.allSettled(started)).map(({ status }) => status === 'fulfilled')
}

function check(pair: readonly string[], succeeded: readonly boolean[], state: string): void {
  const kept = pair.filter((_, index) => succeeded[index])
  const said = `${pair.join(' and ')}; kept: ${kept.join(', ') || 'none'}`
  if (kept.some((name) => name in completing)) expect(state, said).toBe('gone')
  else expect(state, said).toBe('available')
  expect(kept.some((name) => name in completing) && kept.some((name) => name in returning), said).toBe(false)
}

describe('endings that start together', () => {
  it.each(names)(
    'a claim on this host ends once when %s and each other ending start together',
    async (first) => {
      for (const second of names)
        for (const [kind, open] of [
          ['file', false],
          ['file', true],
          ['dir', false],
        ] as const) {
          const held = await onThisHost(kind, open)
          const succeeded = await startTogether(held, first, second)
          await held.claim[Symbol.asyncDispose]()
          check([first, second], succeeded, await held.state())
          expect(held.held(), `${first} and ${second}`).toEqual({ claims: 0, entries: 0, onDisk: [] })
        }
    },
  )

  it.skipIf(!haveCeph).each(names)(
    `a claim between hosts ends once when %s and each other ending start together${needsCeph}`,
    async (first) => {
      await Promise.all(
        names.map(async (second) => {
          const held = await onAnotherHost()
          const succeeded = await startTogether(held, first, second)
          await held.claim[Symbol.asyncDispose]()
          await expect.poll(() => held.state(), { timeout: 20_000 }).not.toBe('claimed')
          check([first, second], succeeded, await held.state())
        }),
      )
    },
    60_000,
  )
})
