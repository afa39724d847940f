// Windows: the lease is a named pipe that the kernel closes with the process. Directories are not synced, modes mean
// nothing, and a process is identified by its pid only. Run with node.exe under Wine 8: docs/compatibility.md.

import { homedir } from 'node:os'
import { win32 } from 'node:path'
import { askProcess } from './ask-process.ts'
import type { LeaseAnswer, Platform } from './platform.ts'
import { compareBoots, identify } from './without-proc.ts'

export const windows: Platform = {
  system: 'windows',
  identify,
  compareBoots,
  clockOffsets: () => '',
  procIsOurs: () => true,
  observe: ({ pid }) => ({ process: askProcess(pid), thread: 'hidden' }),
  lease: { names: [''], onDisk: false, refusesWhenFull: false, at: atPipe, answerOf: pipeAnswer },
  fileSystemOf: () => undefined,
  provingFileSystems: undefined, // a pipe asks no file system
  mountTable: undefined,
  syncsDirectories: false,
  syncsReadOnly: false,
  hasModes: false,
  privateDirectory: homedir,
  movesOpenDirectories: false,
  copiesOntoOpenFiles: false, // CopyFile opens its target exclusively
  renamesOverDirectories: false,
  reapsAfterMs: undefined,
  forbiddenInNames: /[<>:"|?*\u{10ffff}]/u, // the last ends Node 22: an assertion of libuv (idna.c)
  endingSignals: ['SIGINT', 'SIGBREAK', 'SIGHUP', 'SIGTERM'],
  // Each is an event of the console; kill() ends a process without one.
  comesFromTerminal: () => true,
  // A process cannot send itself a console event, and process.kill accepts neither SIGBREAK nor SIGHUP.
  endBy: () => process.exit(CONTROL_C_EXIT),
}

/** STATUS_CONTROL_C_EXIT (0xC000013A): the status of a program that Ctrl+C, Ctrl+Break or a closed console ends. */
const CONTROL_C_EXIT = 0xc000013a | 0

/** `\\.\pipe\<root's name>-<id>`: the id's random part makes it unique; the directory's present name does not matter. */
function atPipe<T>(
  session: { readonly directory: string; readonly id: string },
  name: string,
  use: (address: string) => T,
): T {
  const root = win32.basename(win32.dirname(win32.dirname(session.directory)))
  return use(`\\\\.\\pipe\\${root}-${session.id}${name}`)
}

/** EBUSY: all instances of the pipe are in use, so a process holds it. ETIMEDOUT: they were for the 30 s that libuv waits. */
function pipeAnswer(errno: string | undefined): LeaseAnswer {
  if (errno === undefined || errno === 'EBUSY' || errno === 'ETIMEDOUT') return 'answers'
  return errno === 'ENOENT' ? 'refuses' : 'silent'
}
