// PINGs of HTTP/2. Guarantee: frames are processed in order, so the acknowledgement of one proves that the peer has read the
// frames before it, and that the frames which the peer had sent have been read here. Every question is answered.

import type { Http2Session } from 'node:http2'

/** A program of its own may have used up the PINGs that Node allows at a time (10). */
const PING_AGAIN_MS = 100

export type PingOutcome = 'acknowledged' | 'closed' | 'no answer'

const sessions = new WeakMap<Http2Session, Pings>()

/** The PINGs of a stream's session; undefined for a stream that is destroyed, which has none. */
export function pingsOf({ session }: { readonly session?: Http2Session | undefined }): Pings | undefined {
  if (session === undefined) return undefined
  const pings = sessions.get(session) ?? new Pings(session)
  sessions.set(session, pings)
  return pings
}

type Settle = (outcome: PingOutcome) => void

/** The PINGs of one session, for any number of streams: one at a time, for all that asked before it was sent. */
class Pings {
  /** Whether the connection failed. */
  broken = false
  readonly #session: Http2Session
  /** They wait for the PING that was sent; undefined: none was. */
  #sent: Set<Settle> | undefined
  /** They wait for the next one. */
  #waiting = new Set<Settle>()

  constructor(session: Http2Session) {
    this.#session = session
    session.on('error', () => {
      this.broken = true
    })
    session.once('close', () => {
      for (const settle of [...(this.#sent ?? []), ...this.#waiting]) settle('closed')
    })
  }

  /** The outcome of a PING that is sent after this call. */
  ask(patienceMs: number): Promise<PingOutcome> {
    return new Promise((resolve) => {
      if (this.#session.destroyed) return resolve('closed')
      const settle: Settle = (outcome) => {
        clearTimeout(timer)
        this.#waiting.delete(settle)
        resolve(outcome)
      }
      const timer = setTimeout(() => settle('no answer'), patienceMs).unref()
      this.#waiting.add(settle)
      this.#send()
    })
  }

  readonly #send = (): void => {
    if (this.#sent !== undefined || this.#waiting.size === 0 || this.#session.destroyed) return
    const sent = this.#waiting
    this.#sent = sent
    this.#waiting = new Set()
    this.#session.ping((error) => {
      this.#sent = undefined
      if (error === null) {
        for (const settle of sent) settle('acknowledged')
        this.#send()
      } else {
        // Too many PINGs of the program are waiting for their answers; or either side closes the session, in order, and Node
        // sends no PING any more.
        const { closed } = this.#session
        for (const settle of sent) closed ? settle('no answer') : this.#waiting.add(settle)
        setTimeout(this.#send, PING_AGAIN_MS).unref()
      }
    })
  }
}
