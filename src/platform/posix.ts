// The parts that Linux and macOS share: unix sockets, and the rules of POSIX for files and signals.

import { constants } from 'node:os'
import type { LeaseAnswer, Platform } from './platform.ts'

/** sizeof(sockaddr_un.sun_path) less the closing NUL, unix(7). */
export const MAX_SOCKET_PATH = 107

/** Two, so that one stray close(2) does not silence the only witness in another pid namespace. */
export const LEASE_NAMES = ['lease', 'lease-2'] as const

/** Signals that a terminal sends to the whole process group in front, termios(3). */
export const FROM_TERMINAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT']

/** Facts of every POSIX system. */
export const POSIX: Pick<
  Platform,
  | 'syncsDirectories'
  | 'syncsReadOnly'
  | 'hasModes'
  | 'privateDirectory'
  | 'movesOpenDirectories'
  | 'copiesOntoOpenFiles'
  | 'renamesOverDirectories'
  | 'reapsAfterMs'
  | 'forbiddenInNames'
  | 'endingSignals'
  | 'comesFromTerminal'
  | 'endBy'
> = {
  syncsDirectories: true,
  syncsReadOnly: true,
  hasModes: true,
  privateDirectory: () => undefined,
  movesOpenDirectories: true,
  copiesOntoOpenFiles: true,
  renamesOverDirectories: true,
  reapsAfterMs: undefined,
  forbiddenInNames: undefined,
  endingSignals: ['SIGINT', 'SIGTERM', 'SIGHUP'],
  comesFromTerminal: (signal) => process.stdin.isTTY === true && FROM_TERMINAL.includes(signal),
  endBy,
}

/** The kernel drops a signal that pid 1 of a namespace raises against itself: there process.exit(128 + n) follows. */
function endBy(signal: NodeJS.Signals): void {
  process.kill(process.pid, signal)
  if (process.pid === 1) process.exit(128 + constants.signals[signal])
}

/** connect(2) to a unix socket: EAGAIN is a full backlog, so a process listens. */
export function socketAnswer(errno: string | undefined): LeaseAnswer {
  if (errno === undefined || errno === 'EAGAIN') return 'answers'
  if (errno === 'ECONNREFUSED') return 'refuses'
  return errno === 'EMFILE' || errno === 'ENFILE' || errno === 'ENOMEM' || errno === 'ENOBUFS'
    ? 'not-asked'
    : 'silent'
}
