// The BullMQ example on a real Redis server.

import { expect, test } from 'vitest'
import { cleanUpAfterEach, filesBelow, have, ownDirectory, run } from './programs.ts'

cleanUpAfterEach()

const redis = process.env['REDIS_URL'] !== undefined || have('redis-server')

test.skipIf(!redis)(
  `jobs are done, retried and taken over from a killed worker, each with its file${redis ? '' : ' (skipped: no REDIS_URL and no redis-server)'}`,
  async () => {
    const directory = await ownDirectory()
    const { status, output } = await run('bullmq/main.ts', directory)
    expect(output).not.toContain('NOT SO')
    for (const claim of [
      "the completed job's file is removed",
      'which claimed the same file again',
      'the other worker did the job',
      'a sweep after its time has removed it',
      'the client is answered with an error',
      'the clip of the refused job is removed',
      'no handoff',
    ]) {
      expect(output).toContain(`✔ ${claim}`)
    }
    expect(status).toBe(0)
    expect(await filesBelow(directory)).toEqual([])
  },
  60_000,
)
