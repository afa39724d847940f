// The end of a session or handoff. Guarantee: the rename to `.gone-` is the commit; after it any process may finish:
//   1. give back the claims (by renames; claims/ is removed by rmdir, never recursively)
//   2. delete the rest, each directory in it under a fresh name: a thread of the session may still rename one out, and
//      then it is whole, not half deleted

import { type GivenBack, givingBack } from '../claimable/give-back.ts'
import type { FileSystem } from '../disk/file-system.ts'
import { recentMounts } from '../disk/mounts.ts'
import { namesIn } from '../disk/paths.ts'
import type { TopRules } from '../disk/remove/deletion.ts'
import {
  type RemoveReport,
  removeTreeSliced,
  removeTreeSync,
  type SlicedOptions,
} from '../disk/remove/remove.ts'
import { atOnce, inSlices, type Steps } from '../disk/remove/slice.ts'
import { CLAIMS, inside, LEASE, LEASE_2, OUTSIDE, OWNER, type Root } from '../layout.ts'
import { removeOutside } from '../session/outside.ts'
import { removeShortPaths } from '../session/short-path.ts'

/** A directory renamed to `.gone-`: any process may delete it, without judging. */
export interface Condemned {
  readonly path: string
  /** The reason for giving its claims back, as the lists of handoffs show it. */
  readonly claimReason?: string | undefined
  /** The deletions before the rename that made room for it. */
  readonly cleared?: readonly RemoveReport[] | undefined
}

/** The result of a deletion. */
export interface Removal {
  readonly claims: GivenBack
  readonly removed: RemoveReport
}

/** Finishes a deletion in slices that do not hold the event loop: close and sweep. */
export async function finishRemoval(
  root: Root,
  { path, claimReason, cleared = [] }: Condemned,
  { signal, onSlice }: Pick<SlicedOptions, 'signal' | 'onSlice'> = {},
): Promise<Removal> {
  const { fs, layout } = root
  const { claims, outside, names, rules } = await inSlices(settle(root, path, claimReason))
  const removed =
    removeEmptySession(fs, path, names) ??
    (await removeTreeSliced(fs, path, {
      ...rules,
      signal,
      onSlice,
      mounts: recentMounts(fs, layout.root),
    }))
  removed.kept.push(...outside)
  for (const part of cleared) add(removed, part)
  return { claims, removed }
}

/** Finishes a deletion at once: exit and closeSync. */
export function finishRemovalSync(root: Root, path: string): Removal {
  const { claims, outside, names, rules } = atOnce(settle(root, path))
  const removed = removeEmptySession(root.fs, path, names) ?? removeTreeSync(root.fs, path, rules)
  removed.kept.push(...outside)
  return { claims, removed }
}

interface Settled {
  readonly claims: GivenBack
  /** Entries of the session outside the root that could not be removed. */
  readonly outside: RemoveReport['kept']
  /** Its entries, without claims/ when nothing in it was left; undefined: it could not be read. */
  readonly names: readonly string[] | undefined
  readonly rules: TopRules
}

/**
 * Gives the claims back and removes what is outside the session. The listing spares nearly every session a question
 * for a directory that it does not have. A listing proves nothing (network file systems have shown an empty one for a
 * while), so what it did not name stays if it is there after all, and the next sweep settles it.
 */
function* settle(root: Root, path: string, claimReason?: string): Steps<Settled> {
  removeShortPaths(root, path)
  const names = readableNames(root.fs, path)
  const mayHold = (name: string): boolean => names?.includes(name) !== false
  const claims = mayHold(CLAIMS)
    ? yield* givingBack(root, inside(path, CLAIMS), claimReason)
    : { returned: [], stuck: [] }
  const outside = mayHold(OUTSIDE) ? removeOutside(root.fs, path) : []
  const isSettled = mayHold(OUTSIDE) && outside.length === 0
  return {
    claims,
    outside,
    names: claims.stuck.length === 0 ? names?.filter((name) => name !== CLAIMS) : names,
    rules: { setAside: true, keep: isSettled ? [CLAIMS] : [CLAIMS, OUTSIDE] },
  }
}

/** Undefined: they cannot be read, so any of them may be there. */
function readableNames(fs: FileSystem, directory: string): string[] | undefined {
  try {
    return namesIn(fs, directory)
  } catch {
    return undefined
  }
}

const OWN_NAMES = new Set([OWNER, LEASE, LEASE_2])

/**
 * A session that holds nothing but its own records: no tree to walk and no mount table to read, which takes a short
 * program's exit 4 ms. rmdir refuses what is not empty and what is a mount point. Undefined: use the general removal.
 */
function removeEmptySession(
  fs: FileSystem,
  gone: string,
  names: readonly string[] | undefined,
): RemoveReport | undefined {
  if (names?.every((name) => OWN_NAMES.has(name)) !== true) return undefined
  try {
    let bytes = 0
    for (const name of names) {
      const path = inside(gone, name)
      if (name === OWNER) bytes += fs.lstatSync(path).size
      fs.unlinkSync(path)
    }
    fs.rmdirSync(gone)
    return { files: names.length, directories: 1, bytes, kept: [], errors: [] }
  } catch {
    return undefined
  }
}

function add(total: RemoveReport, part: RemoveReport): void {
  total.files += part.files
  total.directories += part.directories
  total.bytes += part.bytes
  total.kept.push(...part.kept)
  total.errors.push(...part.errors)
}
