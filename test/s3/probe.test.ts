import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import S3rver from 's3rver'
import { expect, it, onTestFinished } from 'vitest'
import type { Bucket } from '../../src/s3/bucket.ts'
import { S3Handoffs } from '../../src/s3/index.ts'
import { probe } from '../../src/s3/probe.ts'
import { NoAnswer } from '../../src/s3/store-failure.ts'
import { BUCKET, cephStore, haveCeph, needsCeph, newClient } from '../fixtures/ceph.ts'
import { failure } from '../fixtures/failures.ts'
import { tempManager } from '../fixtures/temp-base.ts'

it('a server that accepts a second PUT with If-None-Match: * is refused by name, before any ticket', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tfm-s3rver-'))
  const server = new S3rver({ directory, port: 0, address: '127.0.0.1', silent: true })
  const { port } = await server.run()
  onTestFinished(async () => {
    await server.close()
    rmSync(directory, { recursive: true, force: true })
  })
  const client = newClient({
    endpoint: `http://127.0.0.1:${port}`,
    accessKeyId: 'S3RVER',
    secretAccessKey: 'S3RVER',
  })
  onTestFinished(() => client.destroy())
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }))
  const store = new S3Handoffs({ client, bucket: BUCKET })
  const error = await failure('ERR_TEMP_OPTION_INVALID', () => store.probe())
  expect(error.message).toContain('The store 127.0.0.1 cannot be used')
  expect(error.message).toContain('accepted 4 of 4 simultaneous PUTs with If-None-Match')
  const file = tempManager().file()
  await failure('ERR_TEMP_OPTION_INVALID', () => store.handOff(file))
  expect(file.disposed).toBe(false)
})

it('a store that does not answer is not asked again, to clean up, by the probe that it did not answer', async () => {
  const asked: string[] = []
  const bucket = {
    put: () => Promise.reject(new NoAnswer(1)),
    delete: async (key: string) => void asked.push(key),
  } as unknown as Bucket // all that a probe without answers calls
  await expect(probe(bucket, 'key', { timeoutMs: 1 })).rejects.toThrow('No answer')
  expect(asked).toEqual([])
})

it.skipIf(!haveCeph)(
  `a store that keeps its conditions passes, and no object of the probe stays${needsCeph}`,
  async () => {
    const { store, keys } = await cephStore()
    await Promise.all([store.probe(), store.probe()])
    expect(await keys()).toEqual([])
  },
)
