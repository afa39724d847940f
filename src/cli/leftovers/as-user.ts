// Work with the rights of another user, for root. Guarantee: the work has no right that this user has not: the user's id and
// primary group, and no supplementary group; the caller's rights are back afterwards. The whole process has them meanwhile.

import { userInfo } from 'node:os'

/** Of a user id without an entry in the user database; Debian's `nogroup`. */
const NO_GROUP = 65534

/** Runs `work` with the rights of `uid`: root deletes nothing that this user could not delete. */
export async function asUser<T>(uid: number | undefined, work: () => Promise<T>): Promise<T> {
  const own = process.geteuid?.()
  if (uid === undefined || own === undefined || uid === own) return await work()
  const restore = become(uid, own)
  try {
    return await work()
  } finally {
    restore()
  }
}

/** Takes the rights of a user; only root can. Returns what gives root's back. */
function become(uid: number, own: number): () => void {
  const [group, groups] = [process.getegid?.() ?? 0, process.getgroups?.() ?? []]
  const primary = primaryGroup(uid, own)
  process.setgroups?.([])
  process.setegid?.(primary)
  process.seteuid?.(uid)
  return () => {
    process.seteuid?.(own)
    process.setegid?.(group)
    process.setgroups?.(groups)
  }
}

/** The user's group in the user database. */
function primaryGroup(uid: number, own: number): number {
  process.seteuid?.(uid) // userInfo() is that of the effective user
  try {
    return userInfo().gid
  } catch {
    return NO_GROUP
  } finally {
    process.seteuid?.(own)
  }
}
