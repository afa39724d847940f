// The scope of one request. Guarantee: it ends when the response closes, which happens in every case (answered,
// failed, client left before, during or after); its signal aborts first.

import { getTempManager, type TempFileManager, type TempScope } from '../../index.ts'
import { log } from '../../runtime/observe.ts'
import { isClosed, type NodeRequest, type NodeResponse, onClosed } from './send-options.ts'

/** By manager: each has limits of its own. */
const scopes = new WeakMap<NodeRequest, Map<TempFileManager, TempScope>>()

/**
 * The request's scope in a manager, created by the first call. Without a manager: the first scope of the request, else one of
 * the default manager.
 * @throws ERR_TEMP_CLOSED
 */
export function requestScope(
  manager: TempFileManager | undefined,
  req: NodeRequest,
  res: NodeResponse,
): TempScope {
  const known = scopes.get(req) ?? new Map<TempFileManager, TempScope>()
  const [first] = known.values()
  const existing = manager === undefined ? first : known.get(manager)
  if (existing !== undefined) return existing
  const owner = manager ?? getTempManager()
  const scope = owner.scope()
  scopes.set(req, known.set(owner, scope))
  if (isClosed(res)) end(scope)
  else onClosed(res, () => end(scope))
  return scope
}

/** No caller waits for this: a removal that fails goes to the manager's `onCleanupError`, the rest is a warning. */
function end(scope: TempScope): void {
  scope.close().catch((error: unknown) => {
    log.http('the scope of a request did not end cleanly: %O', error)
    process.emitWarning(error instanceof Error ? error : new Error(String(error)))
  })
}
