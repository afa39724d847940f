// A session's leases and record, on a directory without a session.

import { lstatSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Proof } from '../../src/session/proof.ts'
import { knock, socketIdentity } from '../fixtures/knock.ts'
import { tempBase } from '../fixtures/temp-base.ts'
import { contextOf } from './open-session.ts'

function proofIn(directory = tempBase()): { directory: string; proof: Proof; record: () => unknown } {
  const proof = new Proof(contextOf(directory), { directory, id: 'an-id' })
  onTestFinished(() => proof.release())
  const record = (): unknown => JSON.parse(readFileSync(join(directory, 'owner.json'), 'utf8'))
  return { directory, proof, record }
}

/** A proof whose second lease cannot be bound: a directory has its name. */
function provedWithOneLease() {
  const directory = tempBase()
  const obstacle = join(directory, 'lease-2')
  mkdirSync(obstacle)
  const made = proofIn(directory)
  made.proof.prove()
  rmdirSync(obstacle)
  return made
}

test('proving binds both leases and writes a record that names them', async () => {
  const { directory, proof, record } = proofIn()
  proof.prove()
  expect([await knock(directory), await knock(directory, 'lease-2')]).toEqual(['answers', 'answers'])
  expect(record()).toMatchObject({
    id: 'an-id',
    pid: process.pid,
    lease: socketIdentity(directory),
    lease2: socketIdentity(directory, 'lease-2'),
  })
  expect(readdirSync(directory).sort(), 'no draft is left').toEqual(['lease', 'lease-2', 'owner.json'])
})

test('proving a second time binds and writes nothing', () => {
  const { directory, proof } = proofIn()
  const inodes = (): number[] =>
    ['lease', 'lease-2', 'owner.json'].map((name) => lstatSync(join(directory, name)).ino)
  proof.prove()
  const first = inodes()
  proof.prove()
  expect(inodes()).toEqual(first)
})

test('a lease that could not be bound is bound by the next renewal, and the record names it', async () => {
  const { directory, proof, record } = provedWithOneLease()
  expect(record()).not.toHaveProperty('lease2')
  await proof.renew(() => true)
  expect(await knock(directory, 'lease-2')).toBe('answers')
  expect(record()).toMatchObject({ lease2: socketIdentity(directory, 'lease-2') })
})

test('a renewal that may not write changes nothing', async () => {
  const { directory, proof } = provedWithOneLease()
  await proof.renew(() => false)
  expect(readdirSync(directory).sort()).toEqual(['lease', 'owner.json'])
})

test('a directory that was removed is not an error, and proves nothing', () => {
  const { proof } = proofIn(join(tempBase(), 'removed'))
  proof.prove()
  expect([proof.leasePaths, proof.descriptor()]).toEqual([[], undefined])
})

test('after the release both leases refuse', async () => {
  const { directory, proof } = proofIn()
  proof.prove()
  proof.release()
  expect([await knock(directory), await knock(directory, 'lease-2')]).toEqual(['refuses', 'refuses'])
})
