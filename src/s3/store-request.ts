// One request through the program's S3Client. Guarantee: it ends in time, its answer comes with the store's Date, and a
// body carries its SHA-256, which the store compares before it accepts the body.
//
// The digest goes out twice: as x-amz-content-sha256, which is part of the signature (Ceph and AWS check it), and as
// x-amz-checksum-sha256, which AWS stores. With it given, the SDK computes no checksum of its own.

import type { S3Client, ServiceInputTypes, ServiceOutputTypes } from '@aws-sdk/client-s3'
import { onAbort } from '../runtime/abort.ts'
import { crypto } from '../runtime/lazy.ts'
import type { Moment } from './server-time.ts'
import { NoAnswer } from './store-failure.ts'

export interface Answer<T> {
  readonly value: T
  readonly moment: Moment
  /** The server that answered: its Server header and its host. */
  readonly server: string
}

export interface RequestLimits {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

/** The members of a command that are used here; the SDK types each command's stack for itself. */
interface Command {
  readonly middlewareStack: {
    add(
      middleware: (next: Handler) => Handler,
      options: { step: 'build' | 'deserialize'; priority?: 'low' },
    ): void
  }
}
type Handler = (args: {
  readonly request: { readonly headers: Record<string, string>; readonly hostname: string }
}) => Promise<{
  readonly response: { readonly statusCode?: number; readonly headers?: Readonly<Record<string, string>> }
}>

/** Sends one request; `read` takes what is needed from a streamed answer while the time limit still holds. */
export async function send<T = ServiceOutputTypes>(
  client: S3Client,
  command: unknown,
  { timeoutMs, signal }: RequestLimits,
  read: (output: ServiceOutputTypes) => Promise<T> | T = (output) => output as T, // T is ServiceOutputTypes then
): Promise<Answer<T>> {
  signal?.throwIfAborted()
  const stop = new AbortController()
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    stop.abort()
  }, timeoutMs)
  const detach = onAbort([signal], ({ reason }) => stop.abort(reason))
  const seen = observe(command as Command)
  try {
    // The union of all commands: the SDK's overloads accept only one of them at a time.
    const output = await client.send(command as Parameters<S3Client['send']>[0] & ServiceInputTypes, {
      abortSignal: stop.signal,
    })
    return { value: await abortable(read(output as ServiceOutputTypes), stop.signal), ...seen() }
  } catch (error) {
    if (timedOut) throw new NoAnswer(timeoutMs)
    signal?.throwIfAborted()
    throw error
  } finally {
    clearTimeout(timer)
    detach()
  }
}

export function sha256Of(body: Buffer): Buffer {
  return crypto().createHash('sha256').update(body).digest()
}

/** The signer takes the digest from this header when it is there, and hashes the body itself when it is not. */
export function signDigest<C>(command: C, sha256: Buffer): C {
  const { middlewareStack } = command as C & Command
  middlewareStack.add(
    (next) => (args) => {
      args.request.headers['x-amz-content-sha256'] = sha256.toString('hex')
      return next(args)
    },
    { step: 'build' },
  )
  return command
}

/** Notes when the last try was sent and answered, and the answer's Date: the SDK does not return headers. */
function observe(command: Command): () => { moment: Moment; server: string } {
  let sentAt = performance.now()
  let receivedAt = sentAt
  let headers: Readonly<Record<string, string>> = {}
  let host = ''
  command.middlewareStack.add(
    (next) => async (args) => {
      sentAt = performance.now()
      const result = await next(args)
      receivedAt = performance.now()
      headers = result.response.headers ?? {}
      host = args.request.hostname
      return result
    },
    { step: 'deserialize', priority: 'low' },
  )
  return () => ({
    moment: { dateMs: Date.parse(headers['date'] ?? ''), sentAt, receivedAt },
    server: [headers['server'], host].filter(Boolean).join(' at '),
  })
}

/** The work, or the abort of its signal: what stops coming does not hold its reader. */
export async function abortable<T>(work: Promise<T> | T, signal: AbortSignal | undefined): Promise<T> {
  if (!(work instanceof Promise)) return work
  let detach = (): void => {}
  const aborted = new Promise<never>((_, reject) => {
    detach = onAbort([signal], ({ reason }) => reject(reason))
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    detach()
  }
}
