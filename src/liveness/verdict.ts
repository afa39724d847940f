// Is a session's owner dead, and may its session be removed? A pure function of evidence and policy; its truth table is its
// test. Guarantee: dead only if at least one piece of evidence is admissible, every admissible one indicates dead, none
// alive, and every question was answered.
//   P, the process: admissible in this boot, pid and time namespace, with a /proc that shows this process.
//   L, the leases: a socket that answers always indicates alive. Refusal indicates dead where the sockets are provably the
//      recorded ones, on a file system where that means something.
//   N, the directory's name: it was created in this place before the machine was restarted.

/** Observations about a session. 'not-asked': the question failed (EMFILE, EIO), which is not an answer. */
export interface Evidence {
  readonly system: 'linux' | 'darwin' | 'windows'
  /** owner.json. 'named': it is lost, and the directory's name identifies the owner's process. */
  readonly record: 'read' | 'named' | 'missing' | 'corrupt' | 'unknown-version' | 'not-asked'
  /** The owner's boot compared with this one; 'absent': one of them is unknown, as under systemd's ProcSubset=pid. */
  readonly boot: 'same' | 'other' | 'absent' | 'not-asked'
  readonly hostname: 'same' | 'other'
  /** Pid and time namespaces; 'foreign-proc': /proc belongs to a namespace other than this process's. */
  readonly namespaces: 'same' | 'other' | 'foreign-proc' | 'absent' | 'not-asked'
  /** kill(pid, 0); 'forbidden': EPERM. */
  readonly process: 'exists' | 'missing' | 'forbidden' | 'not-asked'
  /**
   * /proc/<pid>/task/<tid>/stat. 'replaced': it is this thread, which owns no such session, so execve replaced the
   * owner's program. 'zombie': state Z with a single thread left. 'hidden': hidepid.
   */
  readonly thread: 'same' | 'replaced' | 'missing' | 'other-start' | 'zombie' | 'hidden' | 'not-asked'
  /** connect(2) to each lease. 'answers': one of them does. 'refuses': all do. 'silent': proves nothing. */
  readonly lease: 'answers' | 'refuses' | 'silent' | 'not-asked'
  /** Device and inode of each lease against the recorded ones. */
  readonly leaseIdentity: 'same' | 'other-device' | 'other'
  /** Whether a refusal may prove death on this file system; 'not-asked': the mount table is unreadable. */
  readonly fileSystem: 'proves' | 'proves-nothing' | 'not-asked'
  /** The recorded file system against the present one. 'same-upper': both overlay, with one upper directory. */
  readonly sameFileSystem: 'same-type' | 'same-upper' | 'other'
  /** 'earlier-boot': made in this very directory of this file system, in an earlier boot of this machine. */
  readonly name: 'earlier-boot' | 'silent'
  /** Milliseconds between two refreshes by the owner. */
  readonly refreshMs: number
  /** Milliseconds since the owner last touched its session, by the volume's clock; undefined: not asked. */
  readonly untouchedMs: number | undefined
  /** Milliseconds since its last heartbeat, by the volume's clock; undefined: it has none, or not asked. */
  readonly silentMs: number | undefined
  /** Milliseconds that it has been a tombstone; undefined: it is none, or not asked. */
  readonly suspectedMs: number | undefined
}

/** When a session without proof of its owner's death may be removed. In milliseconds; undefined: never. */
export interface Policy {
  /** Its owner has not touched it for this long. */
  readonly removeUnknownAfterMs?: number | undefined
  /** On a shared volume: its heartbeat has been silent for this long, and for {@link GRACE_MS} after it was suspected. */
  readonly staleAfterMs?: number | undefined
}

export interface Verdict {
  /** 'wait': it becomes a tombstone, from which its owner can take it back, and is judged again later. */
  readonly verdict: 'alive' | 'dead' | 'unknown' | 'wait'
  /** In words for an operator, without the pid. */
  readonly reason: string
}

/**
 * The lease of a live owner can refuse if one upper directory is mounted twice and, on macOS, if the owner's event loop is
 * blocked. There its refresh must have stopped for so long too.
 */
const SILENT_INTERVALS = 3
/** How long a silent foreign session is a tombstone before it is removed. */
export const GRACE_MS = 3_600_000

type Opinion = { readonly shows: 'alive' | 'dead'; readonly because: string } | { readonly unheard: string }

export function verdict(evidence: Evidence, policy: Policy): Verdict {
  const proved = byProof(evidence)
  return proved.verdict === 'unknown' ? byAge(evidence, policy, proved.reason) : proved
}

function byProof(evidence: Evidence): Verdict {
  if (evidence.record === 'unknown-version' && evidence.lease !== 'answers') {
    return { verdict: 'unknown', reason: 'its record was written by another version of this package' }
  }
  const opinions = [ofProcess(evidence), ofLeases(evidence), ofName(evidence)]
  const heard = opinions.flatMap((opinion) => ('shows' in opinion ? [opinion] : []))
  const alive = heard.filter((opinion) => opinion.shows === 'alive')
  if (alive.length > 0) return { verdict: 'alive', reason: `owner alive (${inWords(alive)})` }
  const failed = failedQuestion(evidence)
  if (failed !== undefined) return { verdict: 'unknown', reason: `${failed}; it is asked again` }
  if (heard.length > 0) return { verdict: 'dead', reason: `owner dead (${inWords(heard)})` }
  return { verdict: 'unknown', reason: whyUnknown(evidence, opinions) }
}

function inWords(opinions: readonly { readonly because: string }[]): string {
  return opinions.map((opinion) => opinion.because).join(', ')
}

function failedQuestion(evidence: Evidence): string | undefined {
  if (evidence.record === 'not-asked') return 'its owner.json could not be read'
  if (evidence.boot === 'not-asked') return 'the boot could not be read'
  if (evidence.namespaces === 'not-asked') return 'the namespaces could not be read'
  if (evidence.process === 'not-asked' || evidence.thread === 'not-asked')
    return 'its process could not be asked for'
  if (evidence.lease === 'not-asked') return 'its lease could not be asked'
  if (evidence.fileSystem === 'not-asked') return 'the mount table could not be read'
  return undefined
}

function ofProcess(evidence: Evidence): Opinion {
  const { record, boot, namespaces } = evidence
  if (record !== 'read' && record !== 'named') return { unheard: 'no record' }
  if (boot === 'other') return { unheard: 'made on another host or boot' }
  if (evidence.system !== 'linux') return ofPidAlone(evidence)
  if (namespaces === 'foreign-proc') return { unheard: '/proc belongs to another namespace' }
  if (namespaces !== 'same') return { unheard: 'made in another pid or time namespace' }
  // With the boot unknown a running thread still indicates alive; a missing one may belong to another boot.
  if (boot !== 'same')
    return evidence.thread === 'same' ? RUNS : { unheard: 'the boot is unknown, so no process is comparable' }
  return ofThread(evidence)
}

const RUNS = { shows: 'alive', because: 'the process runs' } as const

function ofThread({ process, thread }: Evidence): Opinion {
  if (process === 'missing') return { shows: 'dead', because: 'no such process' }
  switch (thread) {
    case 'same':
      return RUNS
    case 'replaced':
      return { shows: 'dead', because: 'execve replaced its program' }
    case 'missing':
      return { shows: 'dead', because: 'its thread has ended' }
    case 'other-start':
      return { shows: 'dead', because: 'the pid belongs to a younger process now' }
    case 'zombie':
      return { shows: 'dead', because: 'the process is a zombie' }
    case 'not-asked':
      return { unheard: 'its process could not be asked for' }
    case 'hidden':
      if (process === 'not-asked') return { unheard: 'its process could not be asked for' }
      return {
        shows: 'alive',
        because: process === 'forbidden' ? "the process exists, another user's" : 'the process exists',
      }
  }
}

// Not Linux: no start times, so only a missing process on our own host proves anything.
function ofPidAlone({ boot, hostname, process }: Evidence): Opinion {
  if (hostname !== 'same') return { unheard: 'made on another host' }
  if (boot !== 'same') return { unheard: 'the boot is unknown, so no process is comparable' }
  if (process === 'missing') return { shows: 'dead', because: 'no such process' }
  return { unheard: 'a process with its pid exists' }
}

function ofLeases(evidence: Evidence): Opinion {
  if (evidence.lease === 'answers') return { shows: 'alive', because: 'lease answers' }
  if (evidence.lease !== 'refuses') return { unheard: 'the lease proves nothing' }
  if (evidence.record !== 'read') return { unheard: 'no record' }
  if (evidence.fileSystem !== 'proves') return { unheard: 'leases prove nothing on this file system' }
  if (evidence.leaseIdentity === 'other') return { unheard: 'the lease is not the recorded one' }
  switch (evidence.system) {
    case 'linux':
      return ofRefusal(evidence)
    case 'windows':
      return ofPipe(evidence)
    case 'darwin':
      return ofRefusalWithoutBoot(evidence)
  }
}

function ofRefusal(evidence: Evidence): Opinion {
  const { boot, leaseIdentity, sameFileSystem } = evidence
  if (boot === 'other') {
    if (sameFileSystem === 'other') return { unheard: 'made on another file system, before a reboot' }
    return { shows: 'dead', because: 'lease refuses, made before a reboot' }
  }
  if (boot !== 'same') {
    if (leaseIdentity === 'same' && sameFileSystem !== 'other')
      return { shows: 'dead', because: 'lease refuses' }
    return { unheard: 'the boot is unknown, and the lease is on another device or file system than recorded' }
  }
  if (leaseIdentity === 'same') return { shows: 'dead', because: 'lease refuses' }
  if (sameFileSystem !== 'same-upper') return { unheard: 'the lease is on another device than recorded' }
  if (mayBeRefreshed(evidence)) return { unheard: 'on a restarted overlay its owner may still refresh it' }
  return { shows: 'dead', because: 'lease refuses, its container was restarted' }
}

function mayBeRefreshed({ untouchedMs, refreshMs }: Evidence): boolean {
  return untouchedMs === undefined || untouchedMs <= SILENT_INTERVALS * refreshMs
}

// A pipe's name holds the session's random part, so no other boot and no other process has it.
function ofPipe({ hostname, leaseIdentity }: Evidence): Opinion {
  if (hostname !== 'same' || leaseIdentity !== 'same') return { unheard: 'made on another host or volume' }
  return { shows: 'dead', because: 'its pipe is closed' }
}

// macOS: a boot is known to the minute only, so a process or lease of another minute proves nothing alone; and a full queue
// refuses too, so where a process has the pid, the refresh must have stopped.
function ofRefusalWithoutBoot(evidence: Evidence): Opinion {
  const { hostname, leaseIdentity, boot, process } = evidence
  if (hostname !== 'same' || leaseIdentity !== 'same') return { unheard: 'made on another host or volume' }
  if (process === 'missing')
    return { shows: 'dead', because: boot === 'same' ? 'lease refuses' : 'no such process, lease refuses' }
  if (boot !== 'same') return { unheard: 'made on another host or boot, and a process has its pid' }
  if (mayBeRefreshed(evidence)) return { unheard: 'a blocked owner with a full queue refuses too' }
  return { shows: 'dead', because: 'lease refuses, and nothing refreshes it' }
}

function ofName({ name }: Evidence): Opinion {
  if (name !== 'earlier-boot') return { unheard: 'its name proves nothing' }
  return { shows: 'dead', because: 'made here before a reboot' }
}

function byAge(evidence: Evidence, policy: Policy, reason: string): Verdict {
  const { removeUnknownAfterMs, staleAfterMs } = policy
  const { untouchedMs, silentMs, suspectedMs } = evidence
  if (removeUnknownAfterMs !== undefined && untouchedMs !== undefined && untouchedMs > removeUnknownAfterMs)
    return { verdict: 'dead', reason: `not touched for longer than removeUnknownAfter (${reason})` }
  if (staleAfterMs === undefined || silentMs === undefined || silentMs <= staleAfterMs)
    return { verdict: 'unknown', reason }
  const over = suspectedMs !== undefined && suspectedMs > GRACE_MS
  return {
    verdict: over ? 'dead' : 'wait',
    reason: `no heartbeat for longer than sharedVolume.staleAfter (${reason})`,
  }
}

function whyUnknown(evidence: Evidence, opinions: readonly Opinion[]): string {
  if (evidence.record === 'missing') return 'it has no owner.json'
  if (evidence.record === 'corrupt') return 'its owner.json is corrupt'
  if (evidence.hostname === 'other') return 'made on another host; see sharedVolume'
  const reasons = opinions.slice(0, 2).map((opinion) => ('unheard' in opinion ? opinion.unheard : ''))
  return reasons.join('; ')
}
