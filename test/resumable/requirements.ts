// The draft's requirements as a table of tests: one row for one or more of the sentences in requirements.md.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

type Side = 'server' | 'client'

interface Table {
  /** A test of these requirements, by their ids. */
  row(ids: string, what: string, check: () => Promise<void>): void
  /** Comes last: a test that every requirement on this side has a row. */
  complete(): void
}

export function requirementsOn(side: Side): Table {
  const required = idsOf(side)
  const covered = new Set<string>()
  return {
    row(ids, what, check) {
      for (const id of ids.split(' ')) {
        if (!required.includes(id)) throw new Error(`${id} is not among the requirements on a ${side}`)
        covered.add(id)
      }
      test(`${ids}: ${what}`, check)
    },
    complete() {
      test(`every requirement of the draft on a ${side} has a row`, () => {
        expect(required.length).toBeGreaterThan(30)
        expect(required.filter((id) => !covered.has(id))).toEqual([])
      })
    },
  }
}

function idsOf(side: Side): string[] {
  const text = readFileSync(new URL('requirements.md', import.meta.url), 'utf8')
  const found: string[] = []
  for (const [, id = '', who] of text.matchAll(/^- (\S+) (server|client|both): /gm)) {
    if (who === side || who === 'both') found.push(id)
  }
  return found
}
