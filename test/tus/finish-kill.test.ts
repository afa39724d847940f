// The end of a tus upload, with a server that is killed at each point of it, and a failing onFinish. Guarantee: a client
// whose upload the server reports as complete has one handoff, for which onFinish has succeeded.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Upload } from 'tus-js-client'
import { describe, expect, onTestFinished, test } from 'vitest'
import { putFile } from '../../src/http/index.ts'
import { bundle } from '../fixtures/bundle.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

const CONTENT = 'hello world'

/** Sends the content; resolves with the ticket that the server's last answer named. */
type Client = (url: string, base: string) => Promise<string | undefined>

const clients: Record<string, Client> = {
  'tus-js-client': (url) =>
    new Promise((resolve, reject) => {
      new Upload(Buffer.from(CONTENT), {
        endpoint: url,
        retryDelays: Array.from({ length: 100 }, () => 50),
        onError: reject,
        onSuccess: ({ lastResponse }) => resolve(lastResponse.getHeader('x-ticket')),
      }).start()
    }),
  putFile: async (url, base) => {
    const path = join(base, 'content')
    writeFileSync(path, CONTENT)
    const { headers } = await putFile(url, { path }, { resumable: true, retries: 100, retryDelay: 20 })
    return headers['x-ticket']?.toString()
  },
}

async function start(base: string, port: string, mode: string) {
  const programs = await bundle('tus-server')
  const child = spawn(process.execPath, [join(programs, 'tus-server.cjs'), base, port, mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const line = async (): Promise<string> => (await lines.next()).value ?? ''
  return { child, port: await line(), line }
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  await once(child, 'exit')
}

function succeeded(base: string): string[] {
  const path = join(base, 'succeeded')
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : []
}

async function handoffs(base: string): Promise<string[]> {
  return (await tempManager({ baseDir: base, name: 'uploads' }).handoffs()).map(({ ticket }) => ticket)
}

describe.each(Object.entries(clients))('%s', (_, send) => {
  test.each([
    ['after the last byte', 'validate'],
    ['after the finish and before onFinish', 'onFinish'],
    ['after onFinish and before the answer', 'answer'],
  ])('a server killed %s: the upload ends with the ticket of its one handoff', async (_, place) => {
    const base = tempBase()
    const first = await start(base, '0', place)
    const sending = send(`http://127.0.0.1:${first.port}/files`, base)
    expect(await first.line()).toBe(place)
    await kill(first.child)
    const before = succeeded(base)
    expect(before).toHaveLength(place === 'answer' ? 1 : 0)
    await start(base, first.port, 'serve')
    const ticket = await sending
    expect(succeeded(base)).toEqual([ticket])
    expect(await handoffs(base)).toEqual([ticket])
  })

  test('an onFinish that fails is called again until it has succeeded, and only then the upload is complete', async () => {
    const base = tempBase()
    const { port } = await start(base, '0', 'throw')
    const ticket = await send(`http://127.0.0.1:${port}/files`, base)
    expect(succeeded(base)).toEqual([ticket])
    expect(await handoffs(base)).toEqual([ticket])
  })
})
