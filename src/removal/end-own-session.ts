// The end of a manager's own session: at close, at exit, or kept for debugging. Guarantee: the rename is the commit, and
// after it any process may finish the deletion; one failure never stops the steps that follow.

import { giveBackAll } from '../claimable/give-back.ts'
import type { Context } from '../context.ts'
import { existsAt, namesIn } from '../disk/paths.ts'
import { removeTreeSync } from '../disk/remove/remove.ts'
import { errnoOf } from '../errors.ts'
import { CLAIMS, HELD, inside, OUTSIDE, OWNER, parseSessionsEntry } from '../layout.ts'
import type { Owner } from '../liveness/owner.ts'
import { readOwner } from '../liveness/owner-record.ts'
import { isMainThread, ownIdentity } from '../liveness/process-identity.ts'
import { platform } from '../platform/index.ts'
import { cleanupError, reportCleanupError, warn } from '../runtime/observe.ts'
import { checkRoot } from '../session/root.ts'
import type { Removable, Session } from '../session/session.ts'
import { condemn, removeBareSession } from './condemn.ts'
import { failedName, preserveSession } from './kept.ts'
import { finishRemoval, finishRemovalSync, type Removal } from './remove-session.ts'

/** Returns false when the session could not be condemned, or something adopted in place not be removed: exit must try again. */
export async function endSession(session: Session): Promise<boolean> {
  session.ended = true
  await Promise.allSettled([...session.resources].map((resource) => resource.close()))
  for (const adopted of inPlaceOf(session)) {
    try {
      await adopted.remove()
      session.inPlace.delete(adopted)
    } catch (error) {
      report(session.context, error, adopted.path)
    }
  }
  try {
    commit(session)
    session.release()
    const { gone } = session
    if (gone !== undefined) reportRemoval(session, await finishRemoval(session.context, { path: gone }))
    session.gone = undefined
    return session.inPlace.size === 0
  } catch (error) {
    session.release()
    report(session.context, error, session.path)
    return (session.gone !== undefined || session.lost) && session.inPlace.size === 0
  }
}

/** As {@link endSession}. `exiting`: the process ends, so its worker threads' sessions end with it. */
export function endSessionSync(session: Session, exiting: boolean): boolean {
  const { context } = session
  session.ended = true
  for (const resource of session.resources) void resource.close()
  for (const adopted of inPlaceOf(session))
    attempt(context, adopted.path, () => {
      adopted.removeSync()
      session.inPlace.delete(adopted)
    })
  let committed = false
  attempt(context, session.path, () => {
    commit(session, exiting)
    committed = true
    const { gone } = session
    if (gone !== undefined && !(session.isBare && removeBareSession(context.fs, gone)))
      reportRemoval(session, finishRemovalSync(context, gone))
    session.gone = undefined
  })
  session.release()
  if (exiting && isMainThread()) attempt(context, session.path, () => endThreadSessions(context))
  return committed && session.inPlace.size === 0
}

/** What was adopted in place and is to be removed: with `preserve`, nothing. */
function inPlaceOf({ context, inPlace }: Session): readonly Removable[] {
  if (context.preserve) inPlace.clear()
  return [...inPlace]
}

/** Ends the session by a rename: to `session.gone`, which is then deleted, or into kept/. */
function commit(session: Session, exiting = false): void {
  if (session.gone !== undefined || !session.confirm()) return
  const { context } = session
  if (exiting && session.isHeld) return // a sweep removes it after the child's end
  if (exiting && context.keepFailed !== undefined && keepOfFailedProcess(context, session.path, session.id))
    return
  if (!context.preserve) {
    session.gone = condemnWithOpenFiles(context, session)
    return
  }
  const kept = preserveSession(context, session.path, session.id, 'preserve is set')
  warn('preserve is set: the temporary files of this manager were not removed.', kept)
}

/** Moves a session to kept/ if the process ends with an error status; false if it does not. */
function keepOfFailedProcess(context: Context, path: string, id: string): boolean {
  const status = Number(process.exitCode ?? 0)
  if (status === 0) return false
  const kept = preserveSession(context, path, failedName(id), `the process ended with status ${status}`)
  warn('The process failed: its temporary files were kept.', kept)
  return true
}

/**
 * Windows renames no directory while a file in it is open, although the rename waits for a moment. The other files are
 * deleted then, and the rename is tried again; if it fails, a sweep removes the rest when the file is closed, because the
 * lease is released.
 */
function condemnWithOpenFiles(context: Context, { path, id }: Session): string {
  if (platform().movesOpenDirectories) return condemn(context, path, id)
  try {
    return condemn(context, path, id)
  } catch (error) {
    if (!IN_USE.has(errnoOf(error) ?? '')) throw error
    deleteContents(context, path)
    return condemn(context, path, id)
  }
}

const IN_USE = new Set(['EBUSY', 'EPERM', 'EACCES'])
/** The entries that a sweep needs to judge the session and to finish its removal. */
const NEEDED = new Set([OWNER, CLAIMS, OUTSIDE])

function deleteContents(context: Context, path: string): void {
  giveBackAll(context, inside(path, CLAIMS))
  for (const name of namesIn(context.fs, path))
    if (!NEEDED.has(name)) removeTreeSync(context.fs, inside(path, name))
}

// The process's exit ends its worker threads without an event in them. The ids of their sessions start with this pid, and
// their records hold what their managers keep.
function endThreadSessions(context: Context): void {
  const { fs, layout } = context
  // Each directory in it is a link to it, where the file system counts them (inode(7), st_nlink): there is none left.
  if (fs.lstatSync(layout.sessions).nlink === 2 || !checkRoot(context)) return
  for (const name of namesIn(fs, layout.sessions)) {
    const entry = parseSessionsEntry(name)
    if (entry?.kind !== 'live' || !entry.id.startsWith(`${process.pid}-`)) continue
    const path = inside(layout.sessions, name)
    const read = readOwner(fs, path, entry.id)
    if (read.state !== 'read' || !isOfOtherThread(read.owner)) continue
    const { preserve, keepFailed } = read.owner
    attempt(context, path, () => {
      if (existsAt(fs, inside(path, HELD))) return // a sweep removes it after the child's end
      if (preserve === true) preserveSession(context, path, entry.id, 'preserve is set')
      else if (keepFailed !== true || !keepOfFailedProcess(context, path, entry.id))
        finishRemovalSync(context, condemn(context, path, entry.id))
    })
  }
}

/** Another thread of this process, and not of a predecessor whose pid was reused: the start time distinguishes them. */
function isOfOtherThread(owner: Owner): boolean {
  const self = ownIdentity()
  return (
    owner.tid !== self.tid &&
    owner.pid === self.pid &&
    owner.bootId !== undefined &&
    owner.bootId === self.bootId &&
    owner.pidNamespace !== undefined &&
    owner.pidNamespace === self.pidNamespace &&
    Number(owner.startTime) >= Number(self.startTime)
  )
}

function attempt(context: Context, path: string, work: () => void): void {
  try {
    work()
  } catch (error) {
    report(context, error, path)
  }
}

function report(context: Context, error: unknown, path: string): void {
  if (errnoOf(error) === 'ENOENT') return
  context.counters.cleanupErrors++
  reportCleanupError(context.onCleanupError, cleanupError(error, path), true)
}

function reportRemoval(session: Session, { claims, removed }: Removal): void {
  const [failed] = removed.errors
  if (failed !== undefined) report(session.context, failed.error, failed.path)
  const [kept] = removed.kept
  if (kept !== undefined) report(session.context, new Error(kept.reason), kept.path)
  const [stuck] = claims.stuck
  if (stuck !== undefined)
    report(session.context, new Error(`a claim could not be given back: ${stuck.why}`), session.claims)
}
