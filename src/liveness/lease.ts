// The leases: two sockets (on Windows one pipe) on which the owner listens, see platform/. Guarantee: the kernel closes
// them when the thread dies, however it dies, and keeps them open while it is blocked, stopped or suspended.
// libuv unlinks the *bound* path on close, so a socket is bound as `.l-<random>` and renamed; errors such as EROFS
// arrive late, as an event.

import fs, { constants } from 'node:fs'
import type { Server } from 'node:net'
import { closeSync } from '../disk/descriptors.ts'
import { messageOf } from '../errors.ts'
import { inside, uniqueText } from '../layout.ts'
import { platform } from '../platform/index.ts'
import type { LeaseAnswer } from '../platform/platform.ts'
import { net } from '../runtime/lazy.ts'
import { descriptorOf } from '../runtime/node-internals.ts'
import { log } from '../runtime/observe.ts'
import type { LeaseIdentity } from './owner.ts'

/** A session's directory under its present name, and the id that it was created with. */
export interface SessionPlace {
  readonly directory: string
  readonly id: string
}

/** Descriptors between the two leases: a loop or a slip that closes neighbours does not close both. */
const GAP = 16

export interface Lease {
  readonly name: string
  readonly identity: LeaseIdentity
  /** Its listening descriptor, for a child to inherit; undefined where the system has no descriptor, or other code closed it. */
  descriptor(): number | undefined
  /** Stops listening; a socket's file goes with its directory. */
  close(): void
}

/** Binds every lease of a session; fewer, or none, where the file system or the system has no such thing. */
export function bindLeases(place: SessionPlace): Lease[] {
  const leases: Lease[] = []
  for (const name of platform().lease.names) {
    const fillers = leases.length === 0 ? [] : openFillers(place.directory)
    try {
      const lease = bindLease(place, name)
      if (lease !== undefined) leases.push(lease)
    } finally {
      for (const fd of fillers) closeSync(fs, fd)
    }
  }
  return leases
}

/** Binds one lease. */
export function bindLease(place: SessionPlace, name: string): Lease | undefined {
  const { lease } = platform()
  const bound = lease.onDisk ? `.l-${uniqueText(13)}` : name
  const server = net().createServer((socket) => socket.destroy())
  server.on('error', (error) => log.session('lease: %s', error.message))
  try {
    lease.at(place, bound, (path) => server.listen({ path, exclusive: true }))
    server.unref()
    const identity = lease.onDisk ? publish(server, place, bound, name) : identityAt(place.directory)
    if (identity === undefined) throw new Error('not listening')
    const socket = socketOf(server)
    const close = (): void => {
      const now = socketOf(server)
      // If no file has taken the number, closing clears the loop's watcher of it, which would be in the way of the
      // next one.
      if (server.listening && (now === socket || now === undefined)) server.close()
    }
    const descriptor = (): number | undefined =>
      socket !== undefined && socketOf(server) === socket ? descriptorOf(server) : undefined
    return { name, identity, descriptor, close }
  } catch (error) {
    log.session('no lease here: %s', messageOf(error))
    if (server.listening) server.close()
    return undefined
  }
}

function publish(
  server: Server,
  { directory }: SessionPlace,
  bound: string,
  name: string,
): LeaseIdentity | undefined {
  const path = inside(directory, bound)
  if (!server.listening || !fs.lstatSync(path).isSocket()) return undefined
  fs.chmodSync(path, 0o600)
  const identity = identityAt(path)
  fs.renameSync(path, inside(directory, name))
  return identity
}

function openFillers(directory: string): number[] {
  const fillers: number[] = []
  try {
    while (fillers.length < GAP) fillers.push(fs.openSync(directory, constants.O_RDONLY))
  } catch {} // out of descriptors: then the leases are as far apart as can be had
  return fillers
}

/**
 * The kernel's name for the server's socket, such as 'socket:[4711]'. If stray code has closed our
 * descriptor, its number may be a file of the program's by now, and closing the server would close that.
 */
function socketOf(server: Server): string | undefined {
  const fd = descriptorOf(server)
  if (fd === undefined) return undefined
  try {
    return fs.readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return undefined
  }
}

/** Knocks at one lease. Never throws, leaves no socket behind. */
export function askLease(place: SessionPlace, name: string): Promise<LeaseAnswer> {
  const { lease } = platform()
  return new Promise((resolve) => {
    try {
      lease.at(place, name, (path) => {
        const socket = net().connect({ path })
        const answer = (errno: string | undefined): void => {
          socket.destroy()
          resolve(lease.answerOf(errno))
        }
        socket.once('connect', () => answer(undefined))
        socket.once('error', (error: NodeJS.ErrnoException) => answer(error.code ?? 'unknown'))
      })
    } catch (error) {
      resolve(lease.answerOf((error as NodeJS.ErrnoException).code ?? 'unknown')) // open(2) of the directory
    }
  })
}

/** Device and inode of a lease's socket; of the directory where leases are pipes. Undefined when there is none. */
export function leaseIdentity({ directory }: SessionPlace, name: string): LeaseIdentity | undefined {
  if (!platform().lease.onDisk) return identityAt(directory)
  try {
    return fs.lstatSync(inside(directory, name)).isSocket() ? identityAt(inside(directory, name)) : undefined
  } catch {
    return undefined
  }
}

function identityAt(path: string): LeaseIdentity | undefined {
  try {
    const stats = fs.lstatSync(path, { bigint: true })
    return { dev: String(stats.dev), ino: String(stats.ino) }
  } catch {
    return undefined
  }
}
