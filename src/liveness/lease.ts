// The lease: a unix socket that the owner listens on inside its session. Promise: the kernel closes it when
// the thread dies, however it dies, and keeps it open while the thread is blocked, stopped or suspended.
// Traps kept here: libuv unlinks the *bound* path on close (so we bind `.l-<random>` and rename), Node 20 and
// 22 silently truncate paths over 107 bytes (so we bind through /proc/self/fd), errors such as EROFS arrive late.

import fs, { constants } from 'node:fs'
import type { Server } from 'node:net'
import { inside, LEASE, randomText } from '../layout.ts'
import { net } from '../runtime/lazy.ts'
import { log } from '../runtime/observe.ts'
import type { LeaseIdentity } from './owner-record.ts'

/** sizeof(sockaddr_un.sun_path) less the closing NUL, unix(7). */
const MAX_SOCKET_PATH = 107

/** What knocking at a lease told. `answers`: somebody listens. `refuses`: nobody does. `silent`: proves nothing. */
export type LeaseAnswer = 'answers' | 'refuses' | 'silent'

export interface Lease {
  readonly identity: LeaseIdentity
  /** Stops listening; the socket's file goes with its directory. */
  close(): void
}

/** Listens inside `directory` (absolute). Undefined where the file system or platform has no such sockets. */
export function bindLease(directory: string): Lease | undefined {
  const name = `.l-${randomText(8)}`
  const server = net().createServer((socket) => socket.destroy())
  server.on('error', (error) => log.session('lease: %s', error.message))
  try {
    withShortPath(directory, name, (path) => server.listen({ path, exclusive: true }))
    server.unref()
    const bound = inside(directory, name)
    if (!server.listening || !fs.lstatSync(bound).isSocket()) throw new Error('not listening')
    fs.chmodSync(bound, 0o600)
    const stats = fs.lstatSync(bound, { bigint: true })
    fs.renameSync(bound, inside(directory, LEASE))
    const socket = socketOf(server)
    const close = (): void => {
      const now = socketOf(server)
      // Where nothing has taken the number, closing clears the loop's watcher of it, which would stand in the
      // way of the next one.
      if (server.listening && (now === socket || now === undefined)) server.close()
    }
    return { identity: { dev: String(stats.dev), ino: String(stats.ino) }, close }
  } catch (error) {
    log.session('no lease here: %s', error instanceof Error ? error.message : error)
    if (server.listening) server.close()
    return undefined
  }
}

/**
 * The kernel's name for the server's socket, such as 'socket:[4711]'. Where stray code has closed our
 * descriptor, its number may be a file of the program's by now, and closing the server would close that.
 */
function socketOf(server: Server): string | undefined {
  // The only way to the descriptor; undocumented, so a Node without it leaves both looks undefined, and alike.
  const fd = (server as { _handle?: { fd?: unknown } })._handle?.fd
  if (typeof fd !== 'number') return undefined
  try {
    return fs.readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return undefined
  }
}

/** Knocks at the lease inside `directory`. Never throws, leaves no socket behind. */
export function askLease(directory: string): Promise<LeaseAnswer> {
  return new Promise((resolve) => {
    try {
      withShortPath(directory, LEASE, (path) => {
        const socket = net().connect({ path })
        socket.once('connect', () => {
          socket.destroy()
          resolve('answers')
        })
        socket.once('error', (error: NodeJS.ErrnoException) => {
          socket.destroy()
          resolve(error.code === 'ECONNREFUSED' ? 'refuses' : error.code === 'EAGAIN' ? 'answers' : 'silent')
        })
      })
    } catch {
      resolve('silent')
    }
  })
}

/** Device and inode of the lease's socket inside `directory`; undefined when there is none. */
export function leaseIdentity(directory: string): LeaseIdentity | undefined {
  try {
    const stats = fs.lstatSync(inside(directory, LEASE), { bigint: true })
    return stats.isSocket() ? { dev: String(stats.dev), ino: String(stats.ino) } : undefined
  } catch {
    return undefined
  }
}

/** Calls `use` with a path of at most 107 bytes for `directory/name`; bind and connect happen inside the call. */
function withShortPath(directory: string, name: string, use: (path: string) => void): void {
  const path = inside(directory, name)
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH) {
    use(path)
    return
  }
  const fd = fs.openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    use(`/proc/self/fd/${fd}/${name}`)
  } finally {
    fs.closeSync(fd)
  }
}
