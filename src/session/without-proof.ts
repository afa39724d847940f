// Warns once a root where nothing can ever prove that an owner is dead: what a crash leaves there stays.

import type { Context } from '../context.ts'
import { readMounts } from '../disk/mounts.ts'
import { ownIdentity } from '../liveness/process-identity.ts'
import { platform } from '../platform/index.ts'
import { warn } from '../runtime/observe.ts'

const warned = new Set<string>()

/** `leased`: the session has a lease. */
export function warnWithoutProof(context: Context, leased: boolean): void {
  const { root } = context.layout
  if (context.sharedVolume !== undefined || warned.has(root) || processesProve()) return
  if (leased && leasesProve(root)) return
  warned.add(root)
  warn(
    'It cannot be proved that the owner of temporary files is dead, so files that a crash leaves are kept. Mount /proc, set baseDir to a local disk, or set sharedVolume; temp-file-manager doctor shows what is missing.',
    root,
  )
}

function processesProve(): boolean {
  const { complete, bootId, startTime, pidNamespace } = ownIdentity()
  if (!complete || platform().system !== 'linux') return true // asked again later; elsewhere the pid proves
  const known = bootId !== undefined && startTime !== undefined && pidNamespace !== undefined
  return known && platform().procIsOurs()
}

function leasesProve(root: string): boolean {
  const { provingFileSystems } = platform()
  const fsType = readMounts().of(root)?.fsType
  return provingFileSystems === undefined || (fsType !== undefined && provingFileSystems.has(fsType))
}
