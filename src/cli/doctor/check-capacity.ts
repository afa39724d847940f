// The doctor's look at how much can be stored: space, inodes, memory behind a tmpfs, quotas, Kubernetes' emptyDir.
// Guarantee: looks only. A limit that cannot be seen from inside is named, never guessed.

import { readFileSync, type StatsFs, statfsSync } from 'node:fs'
import { totalmem } from 'node:os'
import { readMounts } from '../../disk/mounts.ts'
import { unescapeOctal } from '../leftovers/process-use.ts'
import { size } from '../terminal.ts'
import type { Finding } from './finding.ts'

/** Below this much free, a service that receives files is about to fail. */
const LITTLE_BYTES = 256 * 1024 ** 2
const LITTLE_INODES = 1000
const LITTLE_SHARE = 0.05
/** Of a disk's emptyDir: /var/lib/kubelet/pods/<uid>/volumes/kubernetes.io~empty-dir/<name>. */
const EMPTY_DIR = '/kubernetes.io~empty-dir/'
/** Mount options that turn quotas on: ext4, xfs, tmpfs (Linux 6.6). */
const QUOTA = /^(?:usr|grp|prj|u|g|p)?(?:j?quota)(?:$|=)/

/** The mount that a directory is on. */
export interface Mount {
  readonly fsType: string
  readonly mountPoint: string
  /** The mounted directory within its file system. */
  readonly root: string
  readonly options: readonly string[]
}

export function checkSpace({ bavail, blocks, bsize }: StatsFs): Finding {
  const check = 'space'
  if (blocks === 0) return { check, status: 'ok', found: 'this file system has no size of its own' }
  const free = bavail * bsize
  const found = `${size(free)} free of ${size(blocks * bsize)}`
  if (free >= LITTLE_BYTES && free >= blocks * bsize * LITTLE_SHARE) return { check, status: 'ok', found }
  const advice =
    'Free some, set baseDir to a larger disk, or set limits.minFreeBytes so that others are left room.'
  return { check, status: 'warning', found, advice }
}

export function checkInodes({ files, ffree }: StatsFs): Finding {
  const check = 'inodes'
  if (files === 0) return { check, status: 'ok', found: 'this file system has no fixed number of inodes' }
  const found = `${ffree} free of ${files}: each file and directory takes one`
  if (ffree >= LITTLE_INODES && ffree >= files * LITTLE_SHARE) return { check, status: 'ok', found }
  const advice =
    'Remove small files, or use a file system with more inodes (tmpfs: mount option nr_inodes; ext4: mkfs -N). Set limits.liveEntries.'
  return { check, status: 'warning', found, advice }
}

/** Whether the memory behind a tmpfs ends before the tmpfs does. Undefined on a disk. */
export function checkMemory(
  mount: Mount | undefined,
  { blocks, bsize }: StatsFs,
  memory = availableMemory(),
): Finding | undefined {
  if (mount?.fsType !== 'tmpfs') return undefined
  const check = 'memory'
  const total = blocks * bsize
  const limit = total === 0 ? 'without a size limit' : `of ${size(total)}`
  const found = `a tmpfs ${limit}; this process may use ${size(memory)} of memory, in which its files count`
  if (total !== 0 && total < memory)
    return {
      check,
      status: 'note',
      found,
      advice: 'Set limits.totalBytes so that files leave memory for the program.',
    }
  const advice =
    'The kernel kills a process before a write fails. Mount it with size=, set sizeLimit of the emptyDir, or use a disk.'
  return { check, status: 'warning', found, advice }
}

/** The machine's memory, or the limit of the container. */
function availableMemory(): number {
  const constrained = process.constrainedMemory()
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
}

/** Quotas: a project quota changes what statfs(2) reports for a directory, others can only be seen to be on. */
export function checkQuota(mount: Mount | undefined, place: StatsFs, whole: StatsFs | undefined): Finding {
  const check = 'quota'
  if (whole !== undefined && place.blocks < whole.blocks) {
    const found = `this directory may hold ${size(place.blocks * place.bsize)} of a file system of ${size(whole.blocks * whole.bsize)}: a project quota`
    return { check, status: 'note', found, advice: 'The check of space counts within this quota.' }
  }
  const options = mount?.options.filter((option) => QUOTA.test(option)) ?? []
  if (options.length === 0)
    return { check, status: 'ok', found: 'none is on, as far as the mount options show' }
  return {
    check,
    status: 'note',
    found: `${mount?.mountPoint} is mounted with ${options.join(', ')}: a user or group may be limited to less than the free space`,
    advice:
      'The limit is not visible to this program (quota -s shows it). Over it a write fails with ERR_TEMP_NO_SPACE (EDQUOT) and leaves no partial file.',
  }
}

/** The limits that Kubernetes sets from outside. Undefined where nothing points to Kubernetes. */
export function checkEmptyDir(
  mount: Mount | undefined,
  env: NodeJS.ProcessEnv = process.env,
): Finding | undefined {
  const check = 'emptyDir'
  const advice =
    'Set limits.totalBytes below the limit in the manifest: the kubelet evicts the pod when it is exceeded, without a failed write before.'
  if (mount?.root.includes(EMPTY_DIR))
    return {
      check,
      status: 'note',
      found: `an emptyDir on the node's disk: its sizeLimit is not visible from inside`,
      advice,
    }
  if (!env['KUBERNETES_SERVICE_HOST'] || mount === undefined) return undefined
  if (mount.fsType === 'tmpfs')
    return {
      check,
      status: 'ok',
      found: 'in a pod, on a tmpfs: the sizeLimit of an emptyDir with medium Memory is the size above',
    }
  if (mount.fsType !== 'overlay') return undefined
  const found =
    "in a pod, in the container's writable layer: the limit of ephemeral-storage is not visible from inside"
  return { check, status: 'note', found, advice }
}

/** The capacity checks of a directory that exists. */
export function checkCapacity(place: string): Finding[] {
  const stats = statfsSync(place)
  const mount = mountOf(place)
  const whole = mount === undefined ? undefined : attempt(() => statfsSync(mount.mountPoint))
  return [
    checkSpace(stats),
    checkInodes(stats),
    checkMemory(mount, stats),
    checkQuota(mount, stats, whole),
    checkEmptyDir(mount),
  ].filter((finding) => finding !== undefined)
}

/** The mount of an absolute real path; undefined where there is no mount table. */
export function mountOf(path: string): Mount | undefined {
  const mountPoint = readMounts().of(path)?.mountPoint
  const table = attempt(() => readFileSync('/proc/self/mountinfo', 'utf8'))
  if (mountPoint === undefined || table === undefined) return undefined
  return parseMountinfo(table)
    .filter((mount) => mount.mountPoint === mountPoint)
    .at(-1) // a later mount hides an earlier one
}

/** The lines of a mountinfo file. `options`: those of the mount and those of its file system. */
export function parseMountinfo(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const [mount = '', system = ''] = line.split(' - ')
    const [, , , root, mountPoint, options = ''] = mount.split(' ')
    const [fsType, , superOptions = ''] = system.split(' ')
    if (root === undefined || mountPoint === undefined || fsType === undefined) return []
    const all = [...options.split(','), ...superOptions.split(',')]
    return [{ fsType, root: unescapeOctal(root), mountPoint: unescapeOctal(mountPoint), options: all }]
  })
}

function attempt<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}
