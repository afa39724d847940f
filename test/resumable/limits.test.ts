import { expect, test } from 'vitest'
import type { Exchange } from '../../src/resumable/exchange.ts'
import type { Facts } from '../../src/resumable/facts.ts'
import { limitsOf, refusalOf, rulesOf, withFileLimit } from '../../src/resumable/limits.ts'
import { checkResumableOptions, type ResumableOptions } from '../../src/resumable/resumable-options.ts'
import { tempManager } from '../fixtures/temp-base.ts'

/** A request with these header fields: in lower case, and `content-length` in bytes. */
function request(fields: Readonly<Record<string, string>> = {}): Exchange {
  const length = fields['content-length']
  return {
    method: 'POST',
    url: '/files',
    path: '/files',
    uploadId: undefined,
    native: undefined,
    header: (name) => fields[name],
    contentLength: length === undefined ? undefined : Number(length),
    body: '',
    signal: undefined,
    inform: () => {},
    abandonBody: async () => {},
  }
}

const NONE: Facts = { complete: undefined, offset: undefined, length: undefined, speaksOurs: true }
/** The offset at which the content begins, and the length that is known. */
interface Place {
  readonly offset: number
  readonly length: number | undefined
  readonly creating: boolean
}

const START: Place = { offset: 0, length: undefined, creating: true }

/** The status with which a request is refused by its header fields: a creation, unless `at` is another place. */
function refused(
  options: ResumableOptions,
  fields: Readonly<Record<string, string>>,
  { facts = {}, at = START }: { facts?: Partial<Facts>; at?: Place } = {},
): number | undefined {
  return refusalOf(checkResumableOptions(options), request(fields), { ...NONE, ...facts }, at)?.status
}

test.each<[ResumableOptions, string]>([
  [{}, 'min-size=0'],
  [{ maxBytes: 100 }, 'max-size=100'],
  [{ maxBytes: 100, accept: { maxBytes: 50, minBytes: 2 } }, 'max-size=50, min-size=2'],
  [{ maxAppendBytes: 50, minAppendBytes: 5 }, 'max-append-size=50, min-append-size=5'],
])('the options %j are announced as %s', (options, announced) => {
  expect(limitsOf(checkResumableOptions(options))).toBe(announced)
})

test.each<[ResumableOptions, number | undefined, number | undefined]>([
  [{}, undefined, undefined],
  [{ maxBytes: 10 }, undefined, 10],
  [{}, 20, 20],
  [{ maxBytes: 10 }, 20, 10],
  [{ maxBytes: 30 }, 20, 20],
])('of %j and limits.fileBytes %j the smaller one is the rule: %j', (options, fileBytes, most) => {
  const manager = tempManager({ limits: { fileBytes } })
  expect(rulesOf(withFileLimit(manager, checkResumableOptions(options))).maxBytes).toBe(most)
})

test('two lengths of one request that differ are refused', () => {
  const whole = { complete: true, length: 9 }
  expect(refused({}, { 'content-length': '5' }, { facts: whole })).toBe(400)
  expect(refused({}, { 'content-length': '9' }, { facts: whole })).toBeUndefined()
})

test('content beyond the length is refused before it is read', () => {
  expect(refused({}, { 'content-length': '5' }, { at: { offset: 6, length: 10, creating: false } })).toBe(400)
})

test('a request that brings more than one may is refused before it is read', () => {
  expect(refused({ maxAppendBytes: 10 }, { 'content-length': '11' })).toBe(413)
  expect(refused({ maxAppendBytes: 10 }, { 'content-length': '10' })).toBeUndefined()
})

test('a request that brings less than one must is refused, unless it is the last or an empty creation', () => {
  const options = { minAppendBytes: 10 }
  const part = { facts: { complete: false } }
  expect(refused(options, { 'content-length': '9' }, part)).toBe(400)
  expect(refused(options, { 'content-length': '9' }, { facts: { complete: true } })).toBeUndefined()
  expect(refused(options, { 'content-length': '0' }, part)).toBeUndefined()
  expect(refused(options, { 'content-length': '0' }, { ...part, at: { ...START, creating: false } })).toBe(
    400,
  )
})

test('a digest that no bytes can have is refused', () => {
  expect(refused({}, { 'content-digest': 'sha-256=:AAAA:' })).toBe(400)
  expect(refused({}, { 'repr-digest': 'sha-512=::' })).toBe(400)
  expect(refused({}, { 'repr-digest': 'md5=:AAAA:' })).toBeUndefined()
})
