// The scope of one request. Promise: it ends at the response's 'close', which is the only event that comes in
// every case (answered, failed, client gone before, during or after); its signal aborts first.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TempFileManager, TempScope } from '../../index.ts'
import { log } from '../../runtime/observe.ts'

const scopes = new WeakMap<IncomingMessage, TempScope>()

/** The request's scope, made at the first call. */
export function requestScope(manager: TempFileManager, req: IncomingMessage, res: ServerResponse): TempScope {
  const existing = scopes.get(req)
  if (existing !== undefined) return existing
  const scope = manager.scope()
  scopes.set(req, scope)
  if (res.closed) end(scope)
  else res.once('close', () => end(scope))
  return scope
}

/** Nobody waits for this: what fails has gone through the manager's `onCleanupError`, or is warned about. */
function end(scope: TempScope): void {
  scope.close().catch((error: unknown) => {
    log.http('the scope of a request did not end cleanly: %O', error)
    process.emitWarning(error instanceof Error ? error : new Error(String(error)))
  })
}
