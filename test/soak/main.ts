// npm run soak -- --rounds N [--forms N] [--mb N]
// Each round: 100 forms of 10 MB at once to each kind of server, then every refusal over every transport. Guarantee, checked
// after each round: every request was answered as it must be, and the server's process has no open request, connection,
// file, descriptor, timer or listener more than before the first round. Exits non-zero at the first violation.

import { type ChildProcess, fork } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Agent } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual, parseArgs } from 'node:util'
import { FORM_TYPE, field, file, multipart } from '../http/clients.ts'
import { MULTER_REFUSALS } from './multer-refusals.ts'
import { RAW_REFUSALS } from './raw-refusals.ts'
import { FORM_REFUSALS, type Refusal } from './refusals.ts'
import type { State } from './server.ts'
import {
  type Answer,
  http1,
  http2,
  http2Session,
  http10,
  type Sending,
  type Transport,
} from './transports.ts'
import { mb, violations } from './violations.ts'

const MEGABYTE = 1024 * 1024
/** An answer that takes longer has not come. */
const ANSWER_MS = 180_000
/** Connections of HTTP/1.0 linger, and unlinked files are closed, after the answer. */
const REST_MS = 40_000
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '30' },
    forms: { type: 'string', default: '100' },
    mb: { type: 'string', default: '10' },
  },
})
const [rounds = 0, forms = 0, megabytes = 0] = [values.rounds, values.forms, values.mb].map(Number)
if (![rounds, forms, megabytes].every((number) => Number.isSafeInteger(number) && number > 0))
  throw new Error('Give whole numbers.')

interface Ports {
  readonly plain: number
  readonly http2: number
  readonly fastify: number
}

/** The servers that receive forms, with their transports. */
const ROUTES = ['node', 'fetch', 'express', 'multer', 'fastify', 'http2'] as const
type Route = (typeof ROUTES)[number]

const content = randomBytes(megabytes * MEGABYTE)
const digest = createHash('sha256').update(content).digest('hex')
const tail = randomBytes(200 * 1024)
const tailDigest = createHash('sha256').update(tail).digest('hex')
const whole = multipart([
  field('title', 'a title'),
  file('large', 'large.bin', content),
  file('tail', 'tail.bin', tail), // ends in the chunk that has the closing boundary
])
const EXPECTED = {
  fields: { title: 'a title' },
  files: [
    { fieldName: 'large', bytes: content.length, digest },
    { fieldName: 'tail', bytes: tail.length, digest: tailDigest },
  ],
}

/** The bodies that a route refuses, each with the last segment of its path. */
function refusalsOf(route: Route): [last: string, refusal: Refusal<unknown>][] {
  if (route === 'multer') return numbered('multer', MULTER_REFUSALS)
  const forms = numbered('form', FORM_REFUSALS)
  // The plugin has one manager, and Fastify itself refuses a body that is not a form.
  if (route === 'fastify') return forms.filter(([, { manager, type }]) => (manager ?? type) === undefined)
  const raw = numbered('raw', RAW_REFUSALS)
  if (route === 'express') return [...forms, ...raw].filter(([, { early }]) => early === undefined)
  return [...forms, ...raw]
}

function numbered(
  kind: string,
  refusals: readonly Refusal<unknown>[],
): [last: string, refusal: Refusal<unknown>][] {
  return refusals.map((refusal, index) => [`${kind}-${index}`, refusal])
}

/** Pieces of 64 KiB, and a last one of 300 KiB. */
function* pieces(body: Buffer): Generator<Uint8Array> {
  const last = Math.max(0, body.length - 300 * 1024)
  for (let at = 0; at < last; at += 64 * 1024) yield body.subarray(at, Math.min(last, at + 64 * 1024))
  yield body.subarray(last)
}

class Transports implements AsyncDisposable {
  readonly all: readonly [Transport, ...Transport[]]
  readonly #close: () => void

  constructor(all: readonly [Transport, ...Transport[]], close: () => void) {
    this.all = all
    this.#close = close
  }

  /** One after the other, for ever. */
  at(index: number): Transport {
    return this.all[index % this.all.length] ?? this.all[0]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#close()
  }
}

class Soak {
  readonly #server: ChildProcess
  #ports: Ports = { plain: 0, http2: 0, fastify: 0 }
  #asked: Promise<State> | undefined

  constructor() {
    const program = fileURLToPath(new URL('./server.ts', import.meta.url))
    this.#server = fork(program, { execArgv: ['--import', 'tsx', '--expose-gc'] })
    this.#server.once('exit', (code, signal) => {
      if (code !== 0) fail(`The server ended: ${code ?? signal}`)
    })
  }

  async run(): Promise<void> {
    ;[this.#ports] = (await once(this.#server, 'message')) as [Ports] // what server.ts sends first
    await this.#round(2) // what is loaded and opened at its first use does not count as a leak
    const before = await this.#rest(undefined)
    for (let round = 1; round <= rounds; round += 1) {
      const started = performance.now()
      const answers = await this.#round(forms)
      const after = await this.#rest(before)
      const seconds = ((performance.now() - started) / 1000).toFixed(1)
      console.log(
        `round ${round}: ${answers} answers in ${seconds} s, heap ${mb(after.heapBytes)} MB, nothing left`,
      )
    }
    const exited = once(this.#server, 'exit')
    this.#server.send('end')
    await exited
  }

  /** All forms, then all refusals; returns the number of answers. */
  async #round(count: number): Promise<number> {
    let answers = 0
    for (const route of ROUTES) {
      await using transports = await this.#transports(route)
      const sent = Array.from({ length: count }, (_, index) => this.#form(route, transports.at(index)))
      answers += (await Promise.all(sent)).length
    }
    for (const route of ROUTES) {
      await using transports = await this.#transports(route)
      // The Fetch API does not know HTTP/1.0, and its adapter closes such a connection with the answer.
      for (const transport of route === 'fetch' ? transports.all.slice(0, 2) : transports.all) {
        const sent = refusalsOf(route).map(([last, refusal]) =>
          this.#refusal(route, last, transport, refusal),
        )
        answers += (await Promise.all(sent)).length
      }
    }
    return answers
  }

  /** With connections of their own: one that was idle for 5 seconds may be closed by the server at any time. */
  async #transports(route: Route): Promise<Transports> {
    if (route === 'http2') {
      const session = await http2Session(this.#ports.http2)
      return new Transports([http2(session)], () => session.close())
    }
    const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })
    return new Transports([http1(agent), http1(false), http10], () => agent.destroy())
  }

  async #form(route: Route, transport: Transport): Promise<void> {
    const { status, text } = await this.#send(route, 'whole', transport, {
      type: FORM_TYPE,
      length: whole.length,
      body: pieces(whole),
      left: false,
    })
    if (status !== 200 || !isDeepStrictEqual(JSON.parse(text), EXPECTED))
      fail(`A form over ${route} was answered with ${status}: ${text.slice(0, 300)}`)
  }

  async #refusal(
    route: Route,
    last: string,
    transport: Transport,
    { name, body, type, announced, status: expected }: Refusal<unknown>,
  ): Promise<void> {
    const { status, text } = await this.#send(route, last, transport, {
      type: type ?? FORM_TYPE,
      length: announced ?? body.length,
      body: pieces(body),
      left: expected === undefined,
    })
    if (status !== expected)
      fail(`'${name}' over ${route} was answered with ${status}, not ${expected}: ${text.slice(0, 300)}`)
  }

  async #send(
    route: Route,
    last: string,
    transport: Transport,
    sending: Omit<Sending, 'port' | 'path'>,
  ): Promise<Answer> {
    const port = route === 'http2' || route === 'fastify' ? this.#ports[route] : this.#ports.plain
    const late = new AbortController()
    const timeout = wait(ANSWER_MS, undefined, { signal: late.signal }).then(
      async () =>
        fail(`No answer to ${route}/${last} in ${ANSWER_MS} ms. ${JSON.stringify(await this.#state())}`),
      () => undefined as never, // answered
    )
    try {
      return await Promise.race([transport({ port, path: `/${route}/${last}`, ...sending }), timeout])
    } catch (error) {
      return fail(`${route}/${last} failed: ${String(error)}`)
    } finally {
      late.abort()
    }
  }

  /** Waits until nothing is open that was not open `before`. */
  async #rest(before: State | undefined): Promise<State> {
    const deadline = performance.now() + REST_MS
    for (;;) {
      const now = await this.#state()
      const left = violations(now, before)
      if (left.length === 0) return now
      if (performance.now() > deadline) fail(`Left after the round:\n  ${left.join('\n  ')}`)
      await wait(100)
    }
  }

  /** One question at a time: many requests may be late at once. */
  #state(): Promise<State> {
    this.#asked ??= once(this.#server, 'message').then(([state]) => {
      this.#asked = undefined
      return state as State // what server.ts answers
    })
    this.#server.send('state')
    return this.#asked
  }
}

function fail(message: string): never {
  console.error(message)
  process.exit(1) // the server ends with its channel
}

await new Soak().run()
console.log(`${rounds} rounds: nothing left`)
