// A server that sends one file, and what became of it.

import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach } from 'vitest'
import { type Sendable, type SendOptions, type SendResult, sendFile } from '../../../src/http/index.ts'
import { isTempFileError, type ReceivedFile } from '../../../src/index.ts'
import { Premises, type Served, serve } from '../premises.ts'

export const content = randomBytes(100_000)

export interface Sending {
  premises: Premises
  server: Served
  /** A temp file that holds `content`; the default content of a test. */
  sent: ReceivedFile
  entry: Sendable
  options: SendOptions
  outcome: Promise<SendResult | { code: string }>
  get(
    headers?: Record<string, string>,
    method?: string,
  ): Promise<{ status: number; headers: Headers; body: Buffer }>
}

/** Set up again for each test of the file that calls it. */
export function sending(): Sending {
  // Filled before each test.
  const here = {} as Sending

  here.get = async (headers = {}, method = 'GET') => {
    const response = await fetch(here.server.url, { headers, method })
    return {
      status: response.status,
      headers: response.headers,
      body: Buffer.from(await response.arrayBuffer()),
    }
  }

  beforeEach(async () => {
    here.premises = new Premises()
    here.sent = await here.premises.manager.receive(content, { suffix: '.bin' })
    here.entry = here.sent
    here.options = {}
    let settle: (outcome: SendResult | { code: string }) => void
    here.outcome = new Promise((resolve) => {
      settle = resolve
    })
    here.server = await serve(async (req, res) => {
      try {
        settle(await sendFile(req, res, here.entry, here.options))
      } catch (error) {
        const code = isTempFileError(error) ? error.code : String(error)
        settle({ code })
        if (!res.headersSent) res.writeHead(isTempFileError(error) ? error.status : 500).end(code)
      }
    })
  })

  afterEach(async () => {
    await here.sent.remove()
    await here.premises.expectNothingLeft()
    await here.server.close()
    await here.premises.expectNothingOpen()
    await here.premises.close()
  })
  return here
}
