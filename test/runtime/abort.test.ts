import { getEventListeners } from 'node:events'
import { describe, expect, test } from 'vitest'
import { isTempFileError, TempFileError } from '../../src/errors.ts'
import { abortError, joinSignals, onAbort } from '../../src/runtime/abort.ts'

const listenersOf = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length

describe('onAbort', () => {
  test('onAbort() calls every operation that still listens, and no other, through one listener', () => {
    const controller = new AbortController()
    const called: string[] = []
    const both = (): void => void called.push('both')
    const first = onAbort([controller.signal], both)
    onAbort([controller.signal], both)
    const third = onAbort([controller.signal], () => called.push('third'))
    expect(listenersOf(controller.signal)).toBe(1)
    first()
    first()
    third()
    controller.abort()
    expect(called).toEqual(['both'])
    expect(listenersOf(controller.signal)).toBe(0)
  })

  test('onAbort() calls once, for the first of several signals, and then leaves no listener on any', () => {
    const [one, other] = [new AbortController(), new AbortController()]
    const reasons: unknown[] = []
    onAbort([one.signal, undefined, other.signal], ({ reason }) => reasons.push(reason))
    other.abort('first')
    one.abort('second')
    expect(reasons).toEqual(['first'])
    expect([listenersOf(one.signal), listenersOf(other.signal)]).toEqual([0, 0])
  })

  test('onAbort() calls synchronously for a signal that has already aborted', () => {
    let called = false
    const idle = new AbortController().signal
    onAbort([idle, AbortSignal.abort()], () => {
      called = true
    })()
    expect(called).toBe(true)
    expect(listenersOf(idle)).toBe(0)
  })

  test('onAbort() does not call an operation that ended, and calls a later one of the same signal', () => {
    const controller = new AbortController()
    const called: string[] = []
    const end = onAbort([controller.signal], () => called.push('one'))
    end()
    onAbort([controller.signal], () => called.push('two'))
    controller.abort()
    expect(called).toEqual(['two'])
  })

  test('onAbort() and joinSignals() refuse a value that is not a signal', () => {
    const given = [{} as AbortSignal] // as from JavaScript
    for (const call of [() => onAbort(given, () => {}), () => joinSignals(...given)]) {
      expect(call).toThrow(expect.objectContaining({ code: 'ERR_TEMP_OPTION_INVALID' }))
    }
  })
})

describe('joinSignals', () => {
  test('joinSignals() returns a single signal as it is', () => {
    const { signal } = new AbortController()
    expect(joinSignals(undefined, signal).signal).toBe(signal)
  })

  test('a joined signal aborts with the reason of the first that aborts, until it is detached', () => {
    const [one, other, late] = [new AbortController(), new AbortController(), new AbortController()]
    const joined = joinSignals(one.signal, other.signal)
    const detached = joinSignals(one.signal, late.signal)
    detached.detach()
    other.abort('why')
    late.abort()
    expect(joined.signal.reason).toBe('why')
    expect(detached.signal.aborted).toBe(false)
    expect(listenersOf(one.signal)).toBe(0)
  })
})

test.each<[string, unknown, string]>([
  ['a timeout', new DOMException('too late', 'TimeoutError'), 'ERR_TEMP_TIMEOUT'],
  ['any other reason', 'enough', 'ERR_TEMP_ABORTED'],
  ['the end of the owner', new TempFileError('ERR_TEMP_CLOSED', 'closed'), 'ERR_TEMP_ABORTED'],
  ['a typed error', new TempFileError('ERR_TEMP_TOO_LARGE', 'too large'), 'ERR_TEMP_TOO_LARGE'],
])('the error of an abort by %s is %s', (_, reason, code) => {
  const error = abortError(reason)
  expect(isTempFileError(error) && error.code).toBe(code)
})
