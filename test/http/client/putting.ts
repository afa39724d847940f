// A server that receives files, and its answers.

import { randomBytes } from 'node:crypto'
import type { IncomingMessage, RequestListener } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { afterEach, beforeEach } from 'vitest'
import { type PutOptions, putFile } from '../../../src/http/index.ts'
import { isTempFileError, type ReceivedFile } from '../../../src/index.ts'
import { Premises, type Served, serve } from '../premises.ts'

export const content = randomBytes(1_000_000)

export interface Putting {
  premises: Premises
  server: Served
  handler: RequestListener
  /** Holds `content`. */
  file: ReceivedFile
  /** Sends the file, which must fail. */
  failure(options?: PutOptions): Promise<{ code: string; details: unknown }>
}

/** Set up again for each test of the file that calls it. */
export function putting(): Putting {
  // Filled before each test.
  const here = {} as Putting

  here.failure = async (options = {}) => {
    try {
      await putFile(here.server.url, here.file, { retryDelay: 1, ...options })
    } catch (error) {
      if (isTempFileError(error)) return { code: error.code, details: error.details }
      throw error
    }
    throw new Error('it was sent')
  }

  beforeEach(async () => {
    here.premises = new Premises()
    here.file = await here.premises.manager.receive(content)
    here.server = await serve((req, res) => here.handler(req, res))
  })

  afterEach(async () => {
    await here.file.remove()
    await here.premises.expectNothingLeft()
    await here.server.close()
    await here.premises.expectNothingOpen()
    await here.premises.close()
  })
  return here
}

/** A server that stores pieces by Content-Range, as resumable uploads do. */
export class Store {
  stored = Buffer.alloc(0)
  readonly ranges: string[] = []

  async take(req: IncomingMessage): Promise<boolean> {
    const range = req.headers['content-range'] ?? ''
    this.ranges.push(range)
    const [, start, end, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(range)?.map(Number) ?? []
    const piece = await buffer(req)
    if (start !== this.stored.length || end === undefined || piece.length !== end - start + 1)
      throw new Error(`a wrong piece: ${range}`)
    this.stored = Buffer.concat([this.stored, piece])
    return this.stored.length === total
  }
}
