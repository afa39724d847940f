// The differences between operating systems, as one interface. Guarantee: no other room reads process.platform
// (check-house.mjs); a system's module states facts and makes system calls, and liveness/verdict.ts alone judges.

/** The identity of a thread, in terms that another process can check later. A fact that is not known is undefined. */
export interface ProcessIdentity {
  readonly pid: number
  /** The kernel's thread id in our own pid namespace; the pid for a main thread. */
  readonly tid: number | undefined
  /** Clock ticks from boot to the thread's start: field 22 of /proc/<pid>/task/<tid>/stat, see proc(5). */
  readonly startTime: string | undefined
  readonly bootId: string | undefined
  readonly pidNamespace: string | undefined
  readonly timeNamespace: string | undefined
  readonly hostname: string
}

/** This thread's own identity, as far as the questions could be asked. */
export interface OwnIdentity extends ProcessIdentity {
  /** False: a question failed (EMFILE, EACCES), so that an undefined member may be known later. Never cached. */
  readonly complete: boolean
  /** The boot id is the kernel's own. Containers of LXC mount a file over it, so theirs orders no boots. */
  readonly genuineBoot: boolean
}

/** The entry of an owner in the process table. The words are explained in liveness/verdict.ts. */
export interface ProcessSeen {
  readonly process: 'exists' | 'missing' | 'forbidden' | 'not-asked'
  readonly thread: 'same' | 'missing' | 'other-start' | 'zombie' | 'hidden' | 'not-asked'
}

/** The answer to a knock at one lease. `answers`: a process listens. `refuses`: none does. `silent`: proves nothing. */
export type LeaseAnswer = 'answers' | 'refuses' | 'silent' | 'not-asked'

/** The address on which a session's lease listens. */
export interface LeaseAddress {
  /** Names of its leases: one socket each in the session; for pipes, suffixes of the address. */
  readonly names: readonly string[]
  /** A socket is a file that is bound under a draft's name and renamed; a pipe is not on the disk. */
  readonly onDisk: boolean
  /** A socket with a full queue of connections refuses as a closed one does: listen(2) of BSD. Linux reports EAGAIN. */
  readonly refusesWhenFull: boolean
  /** Calls `use` with an address that the system takes; bind(2) and connect(2) happen inside the call. */
  at<T>(
    session: { readonly directory: string; readonly id: string },
    name: string,
    use: (address: string) => T,
  ): T
  /** The meaning of connect's error. */
  answerOf(errno: string | undefined): LeaseAnswer
}

export interface Platform {
  readonly system: 'linux' | 'darwin' | 'windows'
  /** Asks the system; nothing is cached here. */
  identify(): OwnIdentity
  /** Whether two recorded boots are one; 'absent' where the system cannot know. */
  compareBoots(own: string, recorded: string): 'same' | 'other'
  /** The differences between this process's clocks and the kernel's own, which stay the same. Throws the system's error. */
  clockOffsets(): string
  /** /proc shows this process under its own pid; true where there is no /proc to consult. */
  procIsOurs(): boolean
  observe(owner: Pick<ProcessIdentity, 'pid' | 'tid' | 'startTime'>): ProcessSeen
  readonly lease: LeaseAddress
  /** The type of a path's file system by statfs(2), comparable on this system only; undefined where it is unknown. */
  fileSystemOf(path: string): string | undefined
  /** File systems on which a refused connection proves that no process holds the socket; undefined: any. */
  readonly provingFileSystems: ReadonlySet<string> | undefined
  /** The kernel's list of mounts, in the format of proc_pid_mountinfo(5); undefined where there is none. */
  readonly mountTable: string | undefined
  /** Names in a directory are made durable by fsync of the directory. NTFS journals its names and opens no directories. */
  readonly syncsDirectories: boolean
  /** fsync works through a descriptor that is open for reading only. */
  readonly syncsReadOnly: boolean
  /** Mode bits and owners mean something. */
  readonly hasModes: boolean
  /** The directory that only this user can change where modes do not show it: the user's profile. */
  privateDirectory(): string | undefined
  /** A directory can be renamed while a file in it is open. */
  readonly movesOpenDirectories: boolean
  /** The system's copy of a file by its path writes to a target that this process has open. */
  readonly copiesOntoOpenFiles: boolean
  /** rename(2) of a directory replaces an empty directory, and no file. */
  readonly renamesOverDirectories: boolean
  /** The system deletes files of the temporary directory that nobody accessed for so long; undefined: it does not. */
  readonly reapsAfterMs: number | undefined
  /** Characters that file names cannot hold, besides separators and controls. */
  readonly forbiddenInNames: RegExp | undefined
  /** Signals that end a process and can be listened to. */
  readonly endingSignals: readonly NodeJS.Signals[]
  /** The signal came from the terminal, which also sent it to the child, so that nobody has to pass it on. */
  comesFromTerminal(signal: NodeJS.Signals, child: number | undefined): boolean
  /** Ends this process as the signal does where nothing listens to it. */
  endBy(signal: NodeJS.Signals): void
}
