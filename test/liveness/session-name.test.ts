import { describe, expect, test } from 'vitest'
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
  tid: 4711,
  startTime: '123456',
  bootId: '5ae8e0a2-0000-4000-8000-000000000001',
  pidNamespace: 'pid:[4026531836]',
  timeNamespace: 'time:[4026531834]',
  hostname: 'host',
  complete: true,
  genuineBoot: true,
}
const PLACE = { fsType: '61267', ino: '131073' }
const RANDOM = 'abcdefgh01234567'

/** The id of a session as create-session.ts builds it. */
function idOf(owner: OwnIdentity, place: typeof PLACE | undefined = PLACE): string {
  return `${owner.pid}-${proofOf(owner, place)}-${RANDOM}`
}

describe('session names', () => {
  test('the name of a session identifies the thread, the boot, the namespaces and the place it was made with', () => {
    expect(parseSessionName(idOf(OWNER))).toEqual({
      pid: 4711,
      tid: 4711,
      startTime: '123456',
      boot: bootTag(String(OWNER.bootId)),
      namespaces: namespacesTag(OWNER),
      place: placeTag(PLACE),
    })
  })

  test('the name of a session keeps the id of a worker thread', () => {
    expect(parseSessionName(idOf({ ...OWNER, tid: 4720 }))).toMatchObject({ pid: 4711, tid: 4720 })
  })

  test('the name of a session proves no boot where /proc may show the boot of another system', () => {
    expect(parseSessionName(idOf({ ...OWNER, genuineBoot: false }))?.boot).toBeUndefined()
  })

  test('the name of a session proves no place where the file system is not known', () => {
    const id = `${OWNER.pid}-${proofOf(OWNER, undefined)}-${RANDOM}`
    expect(parseSessionName(id)).toMatchObject({ pid: 4711, place: undefined })
  })

  test.each([
    ['tid', { tid: undefined }],
    ['startTime', { startTime: undefined }],
    ['bootId', { bootId: undefined }],
    ['pidNamespace', { pidNamespace: undefined }],
  ])('the name of a session proves nothing for an owner without %s', (_, lack) => {
    expect(proofOf({ ...OWNER, ...lack }, PLACE)).toBeUndefined()
  })

  test.each([
    ['of an owner that is not known', `4711-${RANDOM}`],
    ['with a pid of zero', idOf(OWNER).replace(/^4711/, '0')],
    ['with a shorter random part', idOf(OWNER).slice(0, -1)],
    ['with something after it', `${idOf(OWNER)}-x`],
    ['in capitals', idOf(OWNER).toUpperCase()],
  ])('a session name %s proves nothing', (_, id) => {
    expect(parseSessionName(id)).toBeUndefined()
  })
})

describe('process table tags', () => {
  test.each([
    ['boot', { bootId: '5ae8e0a2-0000-4000-8000-000000000002' }],
    ['pid namespace', { pidNamespace: 'pid:[4026531837]' }],
    ['time namespace', { timeNamespace: 'time:[4026531835]' }],
    ['any time namespace', { timeNamespace: undefined }],
  ])('the tag of a process table differs with the %s, whichever was asked last', (_, change) => {
    const own = namespacesTag(OWNER)
    expect(namespacesTag({ ...OWNER, ...change })).not.toBe(own)
    expect(namespacesTag(OWNER)).toBe(own)
  })
})
