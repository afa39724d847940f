// The end of a `using` block. Guarantee: the symbols are Node's own also in a realm that lacks them (Jest 29 on Node
// 20 has a `Symbol` without them), so that what is made there can be disposed there.

// In such a realm the types are wrong. Node 20 makes its symbols in the registry, under these names.
const realm = Symbol as { readonly dispose?: symbol; readonly asyncDispose?: symbol }

export const dispose: typeof Symbol.dispose = (realm.dispose ??
  Symbol.for('nodejs.dispose')) as typeof Symbol.dispose
export const asyncDispose: typeof Symbol.asyncDispose = (realm.asyncDispose ??
  Symbol.for('nodejs.asyncDispose')) as typeof Symbol.asyncDispose

/**
 * Calls `use`, then disposes `resource`, also after an error: `await using` without its syntax, which is compiled into a
 * look at the realm's symbols. Fails as `use` does; if both fail, with both.
 */
export async function disposing<R extends AsyncDisposable, T>(
  resource: R,
  use: (resource: R) => Promise<T> | T,
): Promise<T> {
  let result: T
  try {
    result = await use(resource)
  } catch (error) {
    try {
      await resource[asyncDispose]()
    } catch (another) {
      throw new AggregateError([error, another], 'The work failed, and so did what ends it.', {
        cause: error,
      })
    }
    throw error
  }
  await resource[asyncDispose]()
  return result
}
