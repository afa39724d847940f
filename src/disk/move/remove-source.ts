// Deleting the source of a move that copied it. Guarantee: its report names paths that a user can open, not those through
// this process's descriptors.

import { joinPath } from '../paths.ts'
import { type RemoveReport, removeTree } from '../remove/remove.ts'
import { addressOf, type CopyTools, type Spot } from './copy.ts'

/** Deletes what is at `spot`, in a directory that others may change. */
export async function removeSource(tools: CopyTools, spot: Spot): Promise<RemoveReport> {
  const address = addressOf(tools, spot).toString()
  const label = joinPath(spot.directory.path, spot.name).toString()
  const report = await removeTree(tools.fs, address, { foreign: true })
  const labelled = <T extends { readonly path: string }>(found: T): T =>
    found.path.startsWith(address) ? { ...found, path: label + found.path.slice(address.length) } : found
  return { ...report, kept: report.kept.map(labelled), errors: report.errors.map(labelled) }
}
