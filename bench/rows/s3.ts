// Handoffs between hosts: publishing and claiming one file, against the bare SDK's Upload and GetObject, on the project's own
// Ceph gateway (scripts/ceph.sh). Only where Ceph is installed.

import { execFileSync } from 'node:child_process'
import { createReadStream, createWriteStream, mkdirSync, statSync, unlinkSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { pathToFileURL } from 'node:url'
import { CreateBucketCommand, DeleteObjectCommand, GetObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import type { Effort } from '../measure/effort.ts'
import { interval, ratios } from '../measure/interval.ts'
import { rounds } from '../measure/rounds.ts'
import { type Row, row } from '../measure/verdict.ts'
import { built, TempFileManager } from '../subject.ts'

const MB = 1024 * 1024
const BUCKET = 'bench'
const SCRIPT = new URL('../../scripts/ceph.sh', import.meta.url).pathname

const { S3Handoffs } = (await import(
  pathToFileURL(built('s3/index.js')).href
)) as typeof import('../../src/s3/index.ts') // a build has the types of its sources

export async function s3(effort: Effort): Promise<Row[]> {
  if (!isInstalled()) {
    console.log('s3: Ceph is not installed (radosgw, ceph-mon, ceph-osd, ceph-common); its rows are left out')
    return []
  }
  const folder = `${effort.directory}/ceph`
  mkdirSync(folder)
  try {
    return await measure(
      effort,
      JSON.parse(execFileSync(SCRIPT, ['start', folder], { encoding: 'utf8' })) as Gateway,
    ) // its one line
  } finally {
    execFileSync(SCRIPT, ['stop', folder])
  }
}

/** The output of scripts/ceph.sh. */
interface Gateway {
  readonly endpoint: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

function isInstalled(): boolean {
  try {
    execFileSync('/bin/sh', [
      '-c',
      'command -v radosgw && command -v ceph-mon && command -v ceph-osd && command -v ceph',
    ])
    return true
  } catch {
    return false
  }
}

async function measure(effort: Effort, { endpoint, ...credentials }: Gateway): Promise<Row[]> {
  const bytes = effort.of(256, 32) * MB
  const client = new S3Client({ endpoint, region: 'default', forcePathStyle: true, credentials })
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }))
  await using manager = new TempFileManager({
    baseDir: effort.directory,
    sweep: { onStart: false, every: false },
  })
  await using store = new S3Handoffs({ client, bucket: BUCKET })
  await store.probe()
  const make = () => manager.receive(Array.from({ length: bytes / MB }, (_, at) => Buffer.alloc(MB, at)))
  const count = effort.of(7, 3)

  const tickets: string[] = []
  const publishing = await rounds(
    {
      ours: async () => {
        const file = await make()
        const began = performance.now()
        tickets.push(await store.handOff(file))
        return performance.now() - began
      },
      sdk: async () => {
        await using file = await make()
        const began = performance.now()
        await new Upload({
          client,
          params: { Bucket: BUCKET, Key: 'bare', Body: createReadStream(file.path) },
        }).done()
        return performance.now() - began
      },
    },
    count,
  )
  const claiming = await rounds(
    {
      ours: async () => {
        const ticket = tickets.pop() ?? ''
        const began = performance.now()
        const claim = await store.claim(ticket)
        const cost = performance.now() - began
        if (statSync(claim.path).size !== bytes) throw new Error('a claim of another size')
        await claim.complete()
        return cost
      },
      sdk: async () => {
        const target = `${effort.directory}/bare`
        const began = performance.now()
        const { Body } = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'bare' }))
        await pipeline(Body as Readable, createWriteStream(target)) // a stream of Node in Node
        const cost = performance.now() - began
        unlinkSync(target)
        return cost
      },
    },
    count,
  )
  await client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: 'bare' }))
  client.destroy()
  const shown = (list: readonly number[]): string =>
    `${(bytes / MB / (interval(list).median / 1000)).toFixed(0)} MB/s`
  const compare = (what: string, against: string, costs: { ours: number[]; sdk: number[] }): Row =>
    row({
      group: 's3',
      what: `${what}, ${bytes / MB} MB, Ceph`,
      against,
      ours: shown(costs.ours),
      theirs: shown(costs.sdk),
      rounds: ratios(costs.sdk, costs.ours), // of the speeds
      target: { atLeast: 0.9 },
    })
  return [
    compare('S3Handoffs.handOff()', 'Upload of @aws-sdk/lib-storage', publishing),
    compare('S3Handoffs.claim()', 'GetObject into fs.createWriteStream', claiming),
  ]
}
