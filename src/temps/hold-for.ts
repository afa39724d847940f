// Passing a lease on to a child process. Guarantee: a child that is returned has inherited the listening socket, which the
// kernel closes when the last process that has it ends; where that cannot be read (another user's child, no
// /proc), it is not checked.

import type { ChildProcess } from 'node:child_process'
import { readdirSync, readlinkSync } from 'node:fs'
import { optionError, TempFileError } from '../errors.ts'
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
  session.children.add(child)
  child.once('exit', () => session.children.delete(child))
  return child
}

/** Whether a running child certainly does not have the socket. One that ends meanwhile has closed some descriptors. */
function lacks(pid: number, lease: number): boolean {
  try {
    const socket = readlinkSync(`/proc/self/fd/${lease}`)
    const directory = `/proc/${pid}/fd`
    const links = readdirSync(directory).map((fd) => readlinkSync(`${directory}/${fd}`))
    return links.length > 0 && !links.includes(socket)
  } catch {
    return false
  }
}
