import { describe, expect, test } from 'vitest'
import { SESSION_RANDOM_LENGTH, sessionId, uniqueText } from '../../src/layout.ts'
import { ownIdentity } from '../../src/liveness/process-identity.ts'
import {
  bootTag,
  namespacesTag,
  parseSessionName,
  placeTag,
  proofOf,
} from '../../src/liveness/session-name.ts'
import type { OwnIdentity } from '../../src/platform/platform.ts'

const OWNER: OwnIdentity = {
  pid: 4711,
  tid: 4712,
  startTime: '1405837',
  bootId: '511a14c4-03ba-47f1-a8cd-689cbc015df7',
  pidNamespace: 'pid:[4026531836]',
  timeNamespace: 'time:[4026531834]',
  hostname: 'host',
  complete: true,
  genuineBoot: true,
}
const PLACE = { fsType: 'ext4', ino: '2211850' }
const nameOf = (owner: OwnIdentity, place = PLACE): string =>
  sessionId(owner.pid, uniqueText(SESSION_RANDOM_LENGTH), proofOf(owner, place))

describe('the name of a session', () => {
  test('identifies the thread, the boot, the namespaces and the place that it was created with', () => {
    expect(parseSessionName(nameOf(OWNER))).toEqual({
      pid: 4711,
      tid: 4712,
      startTime: '1405837',
      boot: bootTag(String(OWNER.bootId)),
      namespaces: namespacesTag(OWNER),
      place: placeTag(PLACE),
    })
  })

  test('identifies this very process', () => {
    const { pid, tid, startTime } = ownIdentity()
    expect(parseSessionName(nameOf(ownIdentity()))).toMatchObject({ pid, tid, startTime })
  })

  test('identifies a main thread, whose thread id is the process id', () => {
    expect(parseSessionName(nameOf({ ...OWNER, tid: OWNER.pid }))?.tid).toBe(OWNER.pid)
  })

  test('names no boot where a container may have replaced the boot id', () => {
    expect(parseSessionName(nameOf({ ...OWNER, genuineBoot: false }))?.boot).toBeUndefined()
  })

  test('names no place where the file system is unknown', () => {
    const id = sessionId(OWNER.pid, uniqueText(SESSION_RANDOM_LENGTH), proofOf(OWNER, undefined))
    expect(parseSessionName(id)?.place).toBeUndefined()
  })

  test.each(['tid', 'startTime', 'bootId', 'pidNamespace'] as const)(
    'proves nothing while the %s of the owner is unknown',
    (member) => {
      expect(proofOf({ ...OWNER, [member]: undefined }, PLACE)).toBeUndefined()
    },
  )

  test('proves nothing when it has no proof in it', () => {
    expect(parseSessionName(sessionId(4711, uniqueText(SESSION_RANDOM_LENGTH)))).toBeUndefined()
  })

  test.each([
    ['a process id of 0', (id: string) => id.replace(/^\d+/, '0')],
    ['a process id with a leading zero', (id: string) => `0${id}`],
    ['an upper case letter', (id: string) => id.toUpperCase()],
    ['one character more', (id: string) => `${id}0`],
    ['one character less', (id: string) => id.slice(0, -1)],
    ['a part more', (id: string) => id.replace('-', '-1-')],
    ['a start time beyond the safe integers', (id: string) => id.replace(/-[^-]*/, '-zzzzzzzzzzzzz')],
  ])('proves nothing with %s', (_, change) => {
    const id = nameOf(OWNER)
    expect(parseSessionName(id)).toBeDefined()
    expect(parseSessionName(change(id))).toBeUndefined()
  })

  test('differs by boot, by each namespace and by place', () => {
    const tags = [
      namespacesTag(OWNER),
      namespacesTag({ ...OWNER, bootId: 'another' }),
      namespacesTag({ ...OWNER, pidNamespace: 'pid:[1]' }),
      namespacesTag({ ...OWNER, timeNamespace: 'time:[1]' }),
    ]
    expect(new Set(tags).size).toBe(tags.length)
    expect(placeTag({ ...PLACE, ino: '2211851' })).not.toBe(placeTag(PLACE))
    expect(placeTag({ ...PLACE, fsType: 'xfs' })).not.toBe(placeTag(PLACE))
  })
})
