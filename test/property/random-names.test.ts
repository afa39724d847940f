// Random names, sizes, durations, tickets and file rules. Guarantee: no input escapes the session, fails with an
// untyped error, or hangs. PROPERTY_RUNS sets how many of each (100,000 in the long run: npm run test:property).

import { readdirSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { isTempFileError } from '../../src/errors.ts'
import type { FileRules } from '../../src/index.ts'
import { displayName, forLog } from '../../src/input/names.ts'
import { toBytes, toMilliseconds } from '../../src/input/units.ts'
import { tempManager } from '../fixtures/temp-base.ts'

const RUNS = Number(process.env['PROPERTY_RUNS'] ?? 1500)
const LONG = 600_000
let names = 0

afterAll(() => console.log(`random names: ${names}`))

/** Text as attackers and users write it: any Unicode, halves of pairs, paths, controls, reserved words, long ones. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({ unit: 'grapheme', maxLength: 80 }),
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 })
    .map((units) => String.fromCharCode(...units)),
  fc
    .array(
      fc.constantFrom(
        '..',
        '.',
        '/',
        '\\',
        'a',
        '%2f',
        '\0',
        '\u202e',
        ' ',
        'con',
        'nul.txt',
        '~',
        '-',
        '\n',
        'tmp',
        'é',
      ),
      {
        maxLength: 12,
      },
    )
    .map((parts) => parts.join('')),
)

const anything = fc.oneof(hostile, fc.anything())

/** The result of `act`, or undefined if it failed with a typed error. */
function typed<T>(act: () => T): T | undefined {
  try {
    return act()
  } catch (error) {
    if (!isTempFileError(error)) throw error
    expect(error.message).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u)
    return undefined
  }
}

describe('names', () => {
  test(
    'every requested name is created in the session under a name of its own, or is refused',
    () => {
      const manager = tempManager({ name: 'property' })
      const session = dirname(manager.file().path)
      fc.assert(
        fc.property(
          fc.constantFrom('name', 'prefix', 'suffix'),
          anything,
          fc.boolean(),
          (option, given, isDir) => {
            names++
            const options = { [option]: given } as { name?: string } // the types are not there at run time
            const entry = typed(() => (isDir ? manager.dir(options) : manager.file(options)))
            if (entry === undefined) return
            const inner = option === 'name' && given !== undefined ? dirname(entry.path) : entry.path
            expect(dirname(inner)).toBe(session)
            expect(basename(entry.path)).toBe(entry.name)
            expect(readdirSync(dirname(entry.path))).toContain(entry.name)
            expect(Buffer.byteLength(entry.name)).toBeLessThanOrEqual(255)
            entry.removeSync()
          },
        ),
        { numRuns: RUNS },
      )
      expect(readdirSync(session)).toEqual(expect.arrayContaining(['claims', 'owner.json']))
    },
    LONG,
  )

  test(
    'a shown name is one clean component, and showing it again changes nothing',
    () => {
      fc.assert(
        fc.property(hostile, (text) => {
          names++
          const shown = displayName(text)
          expect(shown).not.toMatch(/[/\\\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u)
          expect(['', '.', '..']).not.toContain(shown)
          expect(Buffer.byteLength(shown)).toBeLessThanOrEqual(255)
          expect(shown.isWellFormed()).toBe(true)
          expect(displayName(shown)).toBe(shown)
          expect(forLog(text)).not.toMatch(/[\p{Cc}\u2028-\u202e]/u)
        }),
        { numRuns: RUNS },
      )
    },
    LONG,
  )

  test('a name or base for the root is plain or refused; it never leads out of the base', () => {
    fc.assert(
      fc.property(anything, (name) => {
        names++
        const manager = typed(() => tempManager({ baseDir: '/nowhere', name: name as string }))
        if (manager !== undefined) expect(dirname(manager.root)).toBe('/nowhere')
      }),
      { numRuns: Math.min(RUNS, 2000) },
    )
  })
})

test(
  'an invented ticket is refused or gone, never found',
  async () => {
    const manager = tempManager()
    manager.file()
    await fc.assert(
      fc.asyncProperty(anything, async (ticket) => {
        const error: unknown = await manager.claim(ticket as string).catch((thrown: unknown) => thrown)
        expect(isTempFileError(error)).toBe(true)
      }),
      { numRuns: Math.min(RUNS, 3000) },
    )
  },
  LONG,
)

test('sizes and durations are whole numbers of bytes and milliseconds, or refused', () => {
  const quantity = fc.oneof(
    anything,
    fc.double(),
    fc
      .tuple(
        fc.double(),
        fc.constantFrom('', ' ', 'b', 'kb', 'MB', 'gb', 'MiB', 'potatoes', 's', 'm', 'h', 'd'),
      )
      .map(([n, unit]) => `${n}${unit}`),
  )
  fc.assert(
    fc.property(quantity, (value) => {
      for (const convert of [toBytes, toMilliseconds]) {
        const result = typed(() => convert(value as string, 'limit'))
        if (result !== undefined) {
          expect(result).toBeGreaterThanOrEqual(0)
          expect(Number.isNaN(result)).toBe(false)
        }
      }
    }),
    { numRuns: RUNS },
  )
})

test(
  'file rules are understood or refused, and a file they judge passes or fails by a typed error',
  async () => {
    const manager = tempManager()
    const list = fc.oneof(
      fc.array(fc.oneof(hostile, fc.constantFrom('.txt', 'image/*', 'text/plain', '*/*'))),
      fc.anything(),
    )
    const rules = fc.record(
      { extensions: list, types: list, minBytes: anything, maxBytes: anything },
      { requiredKeys: [] },
    )
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(rules, fc.anything()),
        fc.uint8Array({ maxLength: 64 }),
        async (accept, bytes) => {
          const given = accept as FileRules // the types are not there at run time
          const result: unknown = await manager
            .receive(bytes, { accept: given })
            .then((file) => file.remove())
            .catch((thrown: unknown) => thrown)
          if (result !== undefined) expect(isTempFileError(result), String(result)).toBe(true)
        },
      ),
      { numRuns: Math.min(RUNS / 3, 5000) },
    )
  },
  LONG,
)

test(
  'options of a manager, of receive and of a sweep are understood or refused',
  async () => {
    const quiet = { sweep: { onStart: false, every: false } } as const
    const manager = tempManager()
    const option = fc.record(
      {
        maxBytes: anything,
        expectedBytes: anything,
        hash: anything,
        mode: anything,
        declared: fc.anything(),
        dryRun: fc.anything(),
        removeUnknownAfter: anything,
        timeLimit: anything,
        ttl: anything,
        durable: fc.anything(),
        limits: fc.anything(),
        handoff: fc.anything(),
        prefix: anything,
      },
      { requiredKeys: [] },
    )
    await fc.assert(
      fc.asyncProperty(option, async (given) => {
        const options = given as object // the types are not there at run time
        typed(() => tempManager({ baseDir: '/nowhere', ...quiet, ...options }))
        const results = await Promise.allSettled([
          manager.receive('data', options).then((file) => file.handOff(options)),
          manager.sweep({ ...options, dryRun: true }),
        ])
        for (const result of results)
          if (result.status === 'rejected')
            expect(isTempFileError(result.reason), String(result.reason)).toBe(true)
        if (results[0]?.status === 'fulfilled') await manager.discard(results[0].value)
      }),
      { numRuns: Math.min(RUNS / 5, 2000) },
    )
  },
  LONG,
)
