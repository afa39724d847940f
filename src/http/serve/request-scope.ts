// The scope of one request. Guarantee: it ends at the response's 'close', the only event that comes in every case
// (answered, failed, client left before, during or after); its signal aborts first.

import type { TempFileManager, TempScope } from '../../index.ts'
import { log } from '../../runtime/observe.ts'
import { isClosed, type NodeRequest, type NodeResponse } from './send-options.ts'

const scopes = new WeakMap<NodeRequest, TempScope>()

/** The request's scope, created by the first call. @throws ERR_TEMP_CLOSED */
export function requestScope(manager: TempFileManager, req: NodeRequest, res: NodeResponse): TempScope {
  const existing = scopes.get(req)
  if (existing !== undefined) return existing
  const scope = manager.scope()
  scopes.set(req, scope)
  if (isClosed(res)) end(scope)
  else res.once('close', () => end(scope))
  return scope
}

/** No caller waits for this: a removal that fails goes to the manager's `onCleanupError`, the rest is a warning. */
function end(scope: TempScope): void {
  scope.close().catch((error: unknown) => {
    log.http('the scope of a request did not end cleanly: %O', error)
    process.emitWarning(error instanceof Error ? error : new Error(String(error)))
  })
}
