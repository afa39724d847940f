// Scopes for a manager. Guarantee: an error that leaves a scope's function marks the scope as failed, so that `preserve:
// 'on-error'` keeps its entries.

import type { Context } from '../context.ts'
import { constantOr, oneOf, optionsOf } from '../input/options.ts'
import { DEFAULT_KEEP } from '../keep-policy.ts'
import type { Lifecycle } from '../lifecycle.ts'
import { operations } from '../on-demand.ts'
import { disposing } from '../runtime/dispose.ts'
import { type Maker, Scope } from '../temps/scope.ts'
import type { ScopeOptions, TempScope } from '../types.ts'
import type { Callback } from './callback-arguments.ts'

const checkScopeOptions = optionsOf('scope', { preserve: constantOr(false, oneOf('on-error')) })

/** Creates a scope whose entries `maker` creates. @throws ERR_TEMP_CLOSED, ERR_TEMP_OPTION_INVALID */
export function openScope(
  context: Context,
  life: Lifecycle,
  maker: Omit<Maker, 'keep' | 'ending'>,
  options: ScopeOptions | undefined,
): TempScope {
  const { preserve } = checkScopeOptions(options)
  life.requireOpen()
  const policy = context.keepFailed ?? DEFAULT_KEEP
  const keeps = preserve === undefined ? context.keepFailed !== undefined : preserve === 'on-error'
  const keep: Maker['keep'] = (entries, reason) =>
    life.run(async (session) =>
      (await operations()).keepFailed(context, policy, entries, { sessionId: session.id, reason }),
    )
  return new Scope({ ...maker, keep, ending: life.closing }, keeps)
}

/** Calls `fn` with the scope and ends the scope. */
export function runInScope<T>(scope: TempScope, fn: Callback<TempScope, T>): Promise<T> {
  return disposing(scope, async () => {
    try {
      return await fn(scope)
    } catch (error) {
      if (!scope.signal.aborted) scope.fail(error)
      throw error
    }
  })
}
