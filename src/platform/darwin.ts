// macOS: no /proc, so a process is known by its pid only; the lease is a unix socket whose path has at most 103 bytes.

import { symlinkSync, unlinkSync } from 'node:fs'
import { askProcess } from './ask-process.ts'
import type { Platform } from './platform.ts'
import { LEASE_NAMES, POSIX, socketAnswer } from './posix.ts'
import { compareBoots, identify } from './without-proc.ts'

/** sizeof(sockaddr_un.sun_path) less the closing NUL: 104 in <sys/un.h>. */
const MAX_DARWIN_SOCKET_PATH = 103

export const darwin: Platform = {
  system: 'darwin',
  identify,
  compareBoots,
  clockOffsets: () => '',
  procIsOurs: () => true,
  observe: ({ pid }) => ({ process: askProcess(pid), thread: 'hidden' }),
  lease: { names: LEASE_NAMES, onDisk: true, refusesWhenFull: true, at: atSocket, answerOf: socketAnswer },
  fileSystemOf: () => undefined,
  provingFileSystems: undefined, // there is no mount table to read; host name, device and inode must agree
  mountTable: undefined,
  ...POSIX,
  reapsAfterMs: 3 * 24 * 3_600_000, // dirhelper(8) below /var/folders
}

let links = 0

/** os.tmpdir() alone has 49 bytes there, so a long directory is reached through a short link that lives for the call. */
function atSocket<T>(session: { readonly directory: string }, name: string, use: (address: string) => T): T {
  const path = `${session.directory}/${name}`
  if (Buffer.byteLength(path) <= MAX_DARWIN_SOCKET_PATH) return use(path)
  const random = Math.random().toString(36).slice(2, 12)
  const link = `/tmp/.tfm-${process.pid}-${links++}-${random}`
  symlinkSync(session.directory, link)
  try {
    return use(`${link}/${name}`)
  } finally {
    unlinkSync(link)
  }
}
