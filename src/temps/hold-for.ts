// Passing a lease on to a child process. Guarantee: a child that is returned has inherited the listening socket, which the
// kernel closes when the last process that has it ends; where that cannot be read (another user's child, no
// /proc), it is not checked.

import type { ChildProcess } from 'node:child_process'
import { readdirSync, readlinkSync } from 'node:fs'
import { createEmpty } from '../disk/empty-file.ts'
import { existsAt } from '../disk/paths.ts'
import { errnoOf, ioError, optionError, TempFileError } from '../errors.ts'
import { HELD, inside } from '../layout.ts'
import type { Session } from '../session/session.ts'

/** Starts a child with a lease of the session. @throws ERR_TEMP_OPTION_INVALID, ERR_TEMP_IO */
export function holdFor<C extends ChildProcess>(session: Session, start: (lease: number) => C): C {
  if (typeof start !== 'function')
    throw optionError(
      'start',
      'holdFor needs a function that starts the child: holdFor((lease) => spawn(command, { stdio: [..., lease] })).',
    )
  const lease = session.leaseDescriptor()
  if (lease === undefined)
    throw new TempFileError(
      'ERR_TEMP_IO',
      'This manager has no lease that a child can inherit: the system or the file system has no unix sockets.',
    )
  const child = start(lease)
  if (typeof child?.once !== 'function' || !('exitCode' in child))
    throw optionError('start', 'The function given to holdFor must return the child process that it started.')
  if (child.pid === undefined) return child // it could not be started; its 'error' event has the reason
  if (lacks(child.pid, lease)) {
    child.kill('SIGKILL')
    throw optionError(
      'start',
      "The child has not inherited the lease, so it was killed. Put the descriptor into spawn's stdio: ['ignore', 'inherit', 'inherit', lease].",
    )
  }
  mark(session, child)
  session.children.add(child)
  child.once('exit', () => {
    session.children.delete(child)
    unmark(session)
  })
  return child
}

/** For those who judge the session by its process: a sweep, and the main thread, which ends its worker threads' sessions at exit. */
function mark({ context, path, mendsModes }: Session, child: ChildProcess): void {
  const held = inside(path, HELD)
  try {
    if (!existsAt(context.fs, held)) createEmpty(context.fs, held, mendsModes)
  } catch (error) {
    child.kill('SIGKILL')
    throw ioError(error, 'note that a child holds the directory', path)
  }
}

/** Best effort: with a mark that stays, the lease is asked. */
function unmark(session: Session): void {
  try {
    if (!session.isHeld) session.context.fs.unlinkSync(inside(session.path, HELD))
  } catch {}
}

/** Readings of a child's descriptors in which one vanished, before it is left open whether it has the socket. */
const READINGS = 5

/** Whether a running child certainly does not have the socket. One that ends has none from one moment to the next. */
function lacks(pid: number, lease: number): boolean {
  try {
    const socket = readlinkSync(`/proc/self/fd/${lease}`)
    for (let reading = 0; reading < READINGS; reading++) {
      const links = linksIn(`/proc/${pid}/fd`)
      if (links.includes(socket)) return false
      if (!links.includes(undefined)) return links.length > 0
    }
    return false
  } catch {
    return false
  }
}

/** The targets of descriptors; undefined for one that was closed after the listing, as by a program that loads libraries. */
function linksIn(directory: string): (string | undefined)[] {
  return readdirSync(directory).map((fd) => {
    try {
      return readlinkSync(`${directory}/${fd}`)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined
      throw error
    }
  })
}
