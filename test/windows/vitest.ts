// The module that 'vitest' resolves to where vitest itself cannot be loaded (its native parts do not load under Wine):
// vitest's own runner, assertions and spies, bundled with the tests. What needs more than these is not in files.json.

import {
  ASYMMETRIC_MATCHERS_OBJECT,
  chai,
  type ExpectStatic,
  GLOBAL_EXPECT,
  getState,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  setState,
} from '@vitest/expect'
import { onTestFinished } from '@vitest/runner'
import { fn, restoreAllMocks, spyOn } from '@vitest/spy'

export {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  it,
  onTestFailed,
  onTestFinished,
  test,
} from '@vitest/runner'

const POLL_MS = 20
const POLL_LIMIT_MS = 10_000

chai.use(JestExtend)
chai.use(JestChaiExpect)
chai.use(JestAsymmetricMatchers)

let assertionCalls = 0
const plain = (value: unknown, message?: string): unknown => {
  assertionCalls++
  return chai.expect(value, message)
}
const globals = globalThis as unknown as Record<symbol, object> // where @vitest/expect publishes its parts
// The typed object that vitest builds in the same way from the same parts.
export const expect = Object.assign(plain, chai.expect, globals[ASYMMETRIC_MATCHERS_OBJECT], {
  getState: () => getState(expect),
  setState: (state: object) => setState(state, expect),
  poll,
  assertions(count: number): void {
    const before = assertionCalls
    onTestFinished(() => {
      const calls = assertionCalls - before
      if (calls !== count) throw new Error(`expected ${count} assertions, and ${calls} were made`)
    })
  },
}) as unknown as ExpectStatic
Reflect.set(globals, GLOBAL_EXPECT, expect)
setState({ assertionCalls: 0 }, expect)

/** Calls `check` until it does not throw. */
async function waitFor<T>(
  check: () => T | Promise<T>,
  options: { timeout?: number } | number = {},
): Promise<T> {
  const limit = typeof options === 'number' ? options : (options.timeout ?? POLL_LIMIT_MS)
  const end = Date.now() + limit
  for (;;) {
    try {
      return await check()
    } catch (error) {
      if (Date.now() > end) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

/** As vitest's expect.poll: any matcher, repeated until it holds. */
function poll(read: () => unknown, options: { timeout?: number } = {}): unknown {
  const chain = (negated: boolean): unknown =>
    new Proxy(
      {},
      {
        get: (_, name) => {
          if (name === 'not') return chain(!negated)
          return (...given: unknown[]) =>
            waitFor(async () => {
              const assertion = expect(await read())
              const matchers = (negated ? assertion.not : assertion) as unknown as Record<
                string | symbol,
                (...given: unknown[]) => void
              >
              matchers[name]?.(...given)
            }, options)
        },
      },
    )
  return chain(false)
}

const changed = new Map<string, string | undefined>()

export const vi = {
  fn,
  spyOn,
  restoreAllMocks,
  waitFor,
  useRealTimers(): void {}, // tests that replace the timers are skipped: files.json
  stubEnv(name: string, value: string | undefined): void {
    if (!changed.has(name)) changed.set(name, process.env[name])
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  },
  unstubAllEnvs(): void {
    for (const [name, value] of changed) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
    changed.clear()
  },
}

/** Type assertions are checked by the compiler; at run time every call of them does nothing. */
export const expectTypeOf = (): unknown => {
  const nothing: unknown = new Proxy(() => nothing, { get: () => nothing })
  return nothing
}
