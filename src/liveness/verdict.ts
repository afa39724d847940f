// Is a session's owner dead? A pure function of observed facts; its truth table is its test. Promise: dead
// only if at least one piece of evidence may be heard, every heard one says dead, and nothing says alive.
//   P, the owner's thread: heard in our own boot, pid and time namespace, with a /proc that shows us ourselves.
//   L, the lease: a socket that answers says alive, always. Refusal says dead where the socket is provably the
//      recorded one, on a file system where that means something.

/** What was observed of a session and its owner; `undefined` where a thing was not looked at. */
export interface Facts {
  readonly record: 'read' | 'missing' | 'corrupt' | 'unknown-version'
  readonly platform: 'linux' | 'other'
  readonly boot: 'same' | 'other' | 'unreadable'
  readonly hostname: 'same' | 'other'
  /** Our pid and time namespaces against the recorded ones; 'unreadable' never equals anything. */
  readonly namespaces: 'same' | 'other' | 'unreadable'
  /** Whether /proc/self is our own pid: else /proc belongs to another namespace. */
  readonly procIsOurs: boolean
  /** kill(pid, 0). */
  readonly process: 'exists' | 'missing' | 'forbidden'
  /** /proc/<pid>/task/<tid>/stat. 'zombie': state Z with a single thread left. */
  readonly thread: 'same' | 'missing' | 'other-start' | 'zombie' | 'unreadable'
  readonly lease: 'answers' | 'refuses' | 'silent'
  readonly leaseDevice: 'same' | 'other'
  readonly leaseInode: 'same' | 'other'
  /** The file system is one where a refusal may prove death (ext2-4, xfs, btrfs, f2fs, zfs, tmpfs, overlay). */
  readonly provingFileSystem: boolean
  /** The recorded file system type is the present one. */
  readonly sameFileSystemType: boolean
  /** Both are overlay with the same upper directory. */
  readonly sameUpperDirectory: boolean
}

export interface Verdict {
  readonly verdict: 'alive' | 'dead' | 'unknown'
  /** In words for an operator, without the pid. */
  readonly reason: string
}

type Opinion = { readonly says: 'alive' | 'dead'; readonly because: string } | { readonly unheard: string }

export function verdict(facts: Facts): Verdict {
  if (facts.record === 'unknown-version' && facts.lease !== 'answers') {
    return { verdict: 'unknown', reason: 'its record was written by another version of this package' }
  }
  const opinions = [ofThread(facts), ofLease(facts)]
  const heard = opinions.flatMap((opinion) => ('says' in opinion ? [opinion] : []))
  const alive = heard.filter((opinion) => opinion.says === 'alive')
  if (alive.length > 0) return { verdict: 'alive', reason: `owner alive (${inWords(alive)})` }
  if (heard.length > 0) return { verdict: 'dead', reason: `owner dead (${inWords(heard)})` }
  return { verdict: 'unknown', reason: whyUnknown(facts, opinions) }
}

function inWords(opinions: readonly { readonly because: string }[]): string {
  return opinions.map((opinion) => opinion.because).join(', ')
}

function ofThread(facts: Facts): Opinion {
  if (facts.record !== 'read') return { unheard: 'no record' }
  if (facts.boot !== 'same') return { unheard: 'made on another host or boot' }
  if (facts.platform === 'other') return ofPidAlone(facts)
  if (facts.namespaces !== 'same') return { unheard: 'made in another pid or time namespace' }
  if (!facts.procIsOurs) return { unheard: '/proc belongs to another namespace' }
  if (facts.process === 'missing') return { says: 'dead', because: 'no such process' }
  if (facts.process === 'forbidden') return { says: 'alive', because: "the process exists, another user's" }
  switch (facts.thread) {
    case 'missing':
      return { says: 'dead', because: 'its thread has ended' }
    case 'other-start':
      return { says: 'dead', because: 'the pid belongs to a younger process now' }
    case 'zombie':
      return { says: 'dead', because: 'the process is a zombie' }
    case 'unreadable':
      return { says: 'alive', because: 'the process exists' }
    case 'same':
      return { says: 'alive', because: 'the process runs' }
  }
}

// Not Linux: no start times and no lease; only a missing process on our own host proves anything.
function ofPidAlone(facts: Facts): Opinion {
  if (facts.hostname !== 'same') return { unheard: 'made on another host' }
  if (facts.process === 'missing') return { says: 'dead', because: 'no such process' }
  return { unheard: 'a process with its pid exists' }
}

function ofLease(facts: Facts): Opinion {
  if (facts.lease === 'answers') return { says: 'alive', because: 'lease answers' }
  if (facts.lease === 'silent') return { unheard: 'the lease does not tell' }
  if (facts.record !== 'read') return { unheard: 'no record' }
  if (facts.platform !== 'linux') return { unheard: 'leases prove nothing on this platform' }
  if (!facts.provingFileSystem) return { unheard: 'leases prove nothing on this file system' }
  if (facts.leaseInode !== 'same') return { unheard: 'the lease is not the recorded one' }
  if (facts.boot === 'unreadable') return { unheard: 'the boot cannot be told' }
  if (facts.boot === 'other') {
    if (facts.sameFileSystemType) return { says: 'dead', because: 'lease refuses, made before a reboot' }
    return { unheard: 'made on another file system, before a reboot' }
  }
  if (facts.leaseDevice === 'same') return { says: 'dead', because: 'lease refuses' }
  if (facts.sameUpperDirectory) return { says: 'dead', because: 'lease refuses, its container was restarted' }
  return { unheard: 'the lease stands on another device than recorded' }
}

function whyUnknown(facts: Facts, opinions: readonly Opinion[]): string {
  if (facts.record === 'missing') return 'it has no owner.json'
  if (facts.record === 'corrupt') return 'its owner.json is corrupt'
  if (facts.hostname === 'other') return 'made on another host; see sharedVolume'
  return opinions.map((opinion) => ('unheard' in opinion ? opinion.unheard : '')).join('; ')
}
