import { expect, onTestFinished, test, vi } from 'vitest'
import { ReportBuilder } from '../../src/sweep/report-builder.ts'
import { keep, wouldRemove } from '../../src/sweep/sweep-finding.ts'

const nothing = { files: 0, directories: 0, bytes: 0, kept: [], errors: [] }
const claims = { returned: [], stuck: [] }
const REST = { dryRun: false, finished: true, handoffs: [] }
const session = { kind: 'session', action: 'removed', reason: 'owner dead' } as const

test('a report has the time since its sweep began, in milliseconds', () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  onTestFinished(() => void vi.useRealTimers())
  const builder = new ReportBuilder()
  vi.advanceTimersByTime(1500)
  expect(builder.build(REST).durationMs).toBe(1500)
})

test('an entry that was removed whole counts its files and bytes, and the claims that went back', () => {
  const builder = new ReportBuilder()
  builder.add('sessions/s-1', session, {
    claims: { returned: ['ticket'], stuck: [] },
    removed: { ...nothing, files: 2, bytes: 10 },
  })
  builder.add('sessions/s-2', keep('session', 'owner alive'))
  const report = builder.build(REST)
  expect(report).toMatchObject({
    files: 2,
    bytes: 10,
    sessionsRemoved: 1,
    claimsGivenBack: ['ticket'],
    errors: [],
  })
  expect(report.items.map(({ name, action }) => [name, action])).toEqual([
    ['sessions/s-1', 'removed'],
    ['sessions/s-2', 'kept'],
  ])
})

test.each([
  [
    'a mount point in it',
    { claims, removed: { ...nothing, kept: [{ path: '/m', reason: 'a mount point' }] } },
    'a mount point',
  ],
  [
    'a file that cannot be removed',
    {
      claims,
      removed: {
        ...nothing,
        errors: [{ path: '/f', error: Object.assign(new Error('no'), { code: 'EPERM' }) }],
      },
    },
    'EPERM',
  ],
  [
    'a claim that cannot go back',
    { claims: { returned: [], stuck: [{ name: 't', why: 'EIO' }] }, removed: nothing },
    'a claim could not be given back',
  ],
])('a condemned entry with %s is reported as kept, with an error', (_, removal, left) => {
  const builder = new ReportBuilder()
  builder.add('sessions/s-1', session, removal)
  const report = builder.build(REST)
  expect(report.items[0]).toMatchObject({
    action: 'kept',
    reason: `owner dead; not all of it could be removed: ${left}`,
  })
  expect(report.sessionsRemoved).toBe(0)
  expect(report.errors).toHaveLength(1)
})

test('expired handoffs and uploads are listed by id, and count as no session', () => {
  const builder = new ReportBuilder()
  const removal = { claims, removed: nothing }
  builder.add('handoffs/t', { kind: 'handoff', action: 'removed', reason: 'r', expired: 't' }, removal)
  builder.add('uploads/u', { kind: 'upload', action: 'removed', reason: 'r', expired: 'u' }, removal)
  builder.add('handoffs/v', wouldRemove('handoff', 'r'))
  expect(builder.build(REST)).toMatchObject({
    handoffsExpired: ['t'],
    uploadsExpired: ['u'],
    sessionsRemoved: 0,
  })
})

test('the message of an error holds no control characters', () => {
  const builder = new ReportBuilder()
  builder.error('sessions/x', new Error('line\nbreak\u001b[31m'))
  const message = String(builder.build(REST).errors[0]?.message)
  expect([...message].filter((character) => character < ' ')).toEqual([])
})
