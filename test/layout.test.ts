import { expect, test } from 'vitest'
import {
  deadName,
  goneName,
  isTicket,
  liveName,
  newName,
  parseAttempt,
  parseSessionsEntry,
  randomText,
  SESSION_RANDOM_LENGTH,
  sessionId,
  uniqueText,
} from '../src/layout.ts'

test('every name that is given to a session is read back as what it is', () => {
  const random = uniqueText(SESSION_RANDOM_LENGTH)
  expect(random).toMatch(/^[0-9a-z]{16}$/)
  const id = sessionId(4711, random, 'proof')
  expect(id).toBe(`4711-proof-${random}`)
  expect(parseSessionsEntry(liveName(id))).toEqual({ kind: 'live', id })
  expect(parseSessionsEntry(newName(id))).toEqual({ kind: 'new', id })
  expect(parseSessionsEntry(deadName(id))).toEqual({ kind: 'dead', id })
  expect(parseSessionsEntry(goneName(id))).toEqual({ kind: 'gone', id })
})

test.each([
  '',
  's-',
  'S-1-a',
  's-1/2',
  's-1-a ',
  '.gone-',
  '.gone-a',
  'x-1-a',
  '..',
  '.new-',
  's-1\n',
  'lost+found',
])('%j is foreign', (name) => {
  expect(parseSessionsEntry(name)).toBeUndefined()
})

test('tickets and attempts are distinguished from all other names', () => {
  const ticket = randomText(16)
  expect(ticket).toHaveLength(26)
  expect(isTicket(ticket)).toBe(true)
  for (const other of [
    '',
    ticket.slice(1),
    `${ticket}0`,
    ticket.toUpperCase(),
    `../${ticket.slice(3)}`,
    5,
    null,
    undefined,
    [ticket],
  ])
    expect(isTicket(other)).toBe(false)
  expect(parseAttempt('attempt-12')).toBe(12)
  for (const other of ['attempt-', 'attempt--1', 'attempt-1x', 'attempt-1e9', 'attempt-9999999999'])
    expect(parseAttempt(other)).toBeUndefined()
})

test('random text does not repeat and uses its whole alphabet', () => {
  const texts = Array.from({ length: 1000 }, () => randomText(10))
  expect(new Set(texts).size).toBe(1000)
  expect(new Set(texts.join('')).size).toBe(32)
})
