import { describe, expect, it } from 'vitest'
import { isTicket, randomText, TICKET_BYTES } from '../../src/layout.ts'
import { failure } from '../fixtures/failures.ts'
import { tempManager } from '../fixtures/temp-base.ts'

describe('tickets', () => {
  it('a ticket is 26 characters of one case that need no escaping in JSON, URLs, file names and logs', async () => {
    const manager = tempManager()
    const ticket = await manager.file().handOff({ durable: false })
    expect(ticket).toMatch(/^[0-9a-hjkmnp-tv-z]{26}$/)
    expect(encodeURIComponent(ticket)).toBe(ticket)
    expect(JSON.stringify(ticket)).toBe(`"${ticket}"`)
  })

  it('a ticket holds 128 random bits: each of its bits is as often set as not', () => {
    expect(TICKET_BYTES * 8).toBe(128)
    const seen = new Set<string>()
    const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'
    const set = new Array<number>(130).fill(0)
    const rounds = 2000
    for (let round = 0; round < rounds; round++) {
      const ticket = randomText(TICKET_BYTES)
      expect(isTicket(ticket)).toBe(true)
      seen.add(ticket)
      for (const [at, character] of [...ticket].entries()) {
        const value = alphabet.indexOf(character)
        for (let bit = 0; bit < 5; bit++)
          if ((value >> (4 - bit)) & 1) set[at * 5 + bit] = (set[at * 5 + bit] ?? 0) + 1
      }
    }
    expect(seen.size).toBe(rounds)
    // Twelve standard deviations around one half: never by chance, at once for a bit that is stuck.
    const spread = 12 * Math.sqrt(rounds / 4)
    for (const count of set.slice(0, 128)) expect(Math.abs(count - rounds / 2)).toBeLessThan(spread)
    expect(set.slice(128)).toEqual([0, 0])
  })

  it.each([
    ['an empty string', ''],
    ['too short', '0123456789abcdefghjkmnpqr'],
    ['too long', '0123456789abcdefghjkmnpqrst'],
    ['upper case', '0123456789ABCDEFGHJKMNPQRS'],
    ['letters that are not in the alphabet', 'iloui0123456789abcdefghjkm'],
    ['a path', '../../../../../etc/passwd0'],
    ['a separator inside', '0123456789abc/efghjkmnpqrs'],
    ['a trailing line feed', '0123456789abcdefghjkmnpqrs\n'],
    ['a NUL inside', '0123456789abc\u0000efghjkmnpqrs'],
    ['undefined', undefined],
    ['null', null],
    ['a number', 7],
    ['an object that writes itself as one', { toString: () => '0123456789abcdefghjkmnpqrs' }],
    ['a list of one', ['0123456789abcdefghjkmnpqrs']],
  ])(
    'claim(), withClaim(), inspect() and discard() refuse a value that is not a ticket: %s',
    async (_, given) => {
      const manager = tempManager()
      // A value from outside has no type yet.
      const ticket = given as string
      for (const act of [
        () => manager.claim(ticket),
        () => manager.withClaim(ticket, () => {}),
        () => manager.inspect(ticket),
        () => manager.discard(ticket),
      ]) {
        const error = await failure('ERR_TEMP_TICKET_INVALID', act)
        expect(error.status).toBe(400)
        expect(error.message).toContain('Pass the string that handOff() returned')
      }
    },
  )
})
