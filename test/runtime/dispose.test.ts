import { describe, expect, test } from 'vitest'
import { asyncDispose, dispose, disposing } from '../../src/runtime/dispose.ts'

/** A resource that counts its ends, or cannot be ended. */
function resource(failure?: Error): AsyncDisposable & { ends: number } {
  return {
    ends: 0,
    async [asyncDispose]() {
      this.ends++
      if (failure !== undefined) throw failure
    },
  }
}

test('the symbols are those of `using`', () => {
  expect([dispose, asyncDispose]).toEqual([Symbol.dispose, Symbol.asyncDispose])
})

describe('disposing', () => {
  const [mine, its] = [new Error('mine'), new Error('its')]

  test('disposing() returns what the work returned, once the resource has ended', async () => {
    const held = resource()
    expect(await disposing(held, (given) => [given, held.ends])).toEqual([held, 0])
    expect(held.ends).toBe(1)
  })

  test('disposing() ends the resource of work that fails, at once or later, and fails as the work did', async () => {
    const [one, other] = [resource(), resource()]
    const atOnce = (): never => {
      throw mine
    }
    await expect(disposing(one, atOnce)).rejects.toBe(mine)
    await expect(disposing(other, () => Promise.reject(mine))).rejects.toBe(mine)
    expect([one.ends, other.ends]).toEqual([1, 1])
  })

  test('disposing() fails where only the end fails', async () => {
    await expect(disposing(resource(its), () => 1)).rejects.toBe(its)
  })

  test('disposing() loses neither failure of two', async () => {
    const both = disposing(resource(its), () => Promise.reject(mine))
    await expect(both).rejects.toMatchObject({ errors: [mine, its], cause: mine })
  })
})
