// Whether a process has a unix socket of a tree. /proc lists a process's socket by the kernel's number, not by its file, so
// the socket itself is asked. Guarantee: only a refused connection, unix(7), means that no process has it.

import { basename, dirname } from 'node:path'
import { askLease } from '../../liveness/lease.ts'

/** The reason to keep a tree with these sockets; undefined if each of them refuses a connection. */
export async function liveSocket(sockets: readonly (string | Buffer)[]): Promise<string | undefined> {
  for (const socket of sockets) {
    if (typeof socket !== 'string') return 'the name of a socket in it is not UTF-8, so it cannot be asked'
    const answer = await askLease({ directory: dirname(socket), id: '' }, basename(socket))
    if (answer === 'answers') return 'a process listens on a socket in it'
    if (answer !== 'refuses') return 'a process has a socket in it, or it could not be asked'
  }
  return undefined
}
