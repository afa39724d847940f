// Every upload of a root, the free ones and those claimed by some session. Guarantee: one that moves meanwhile is neither
// missed nor looked at twice, and the event loop gets a turn after a few of them.

import { setImmediate as turn } from 'node:timers/promises'
import type { Context } from '../context.ts'
import { existsAt, findSync } from '../disk/paths.ts'
import { type Found, findClaim, listClaims, readableNames } from '../handoff/claim-index.ts'
import { inside, isUploadId } from '../layout.ts'

/** The place of an upload on disk. */
export interface UploadPlace {
  readonly id: string
  readonly directory: string
  /** The session that has claimed it. */
  readonly session: { readonly path: string; readonly id: string } | undefined
}

/** Uploads looked at before the event loop gets a turn: a look costs 50 to 100 microseconds. */
const SLICE = 32

/** An upload that moves during so many looks is taken as the last one saw it. */
const MOST_LOOKS = 5

/**
 * Calls `look` with each upload's place and returns the results. `look` returns undefined if the upload is not there: it has
 * moved, and is looked at again, or has ended. Throws the system's error.
 */
export async function lookAtUploads<T>(
  context: Context,
  look: (place: UploadPlace) => T | undefined,
): Promise<T[]> {
  const results: T[] = []
  let looks = 0
  for (const place of await uploadPlaces(context)) {
    if (++looks % SLICE === 0) await turn()
    const result = lookWhole(context, place, look)
    if (result !== undefined) results.push(result)
  }
  return results
}

/** Looks again if it moved meanwhile, which may have shown half of it: each rename sets its directory's ctime. */
function lookWhole<T>(
  context: Context,
  first: UploadPlace,
  look: (place: UploadPlace) => T | undefined,
): T | undefined {
  const changedAt = (directory: string): number | undefined => findSync(context.fs, directory)?.ctimeMs
  let result: T | undefined
  let place: UploadPlace | undefined = first
  for (let looks = 0; looks < MOST_LOOKS; looks++) {
    const before = changedAt(place.directory)
    result = look(place)
    const isSettled = before !== undefined && changedAt(place.directory) === before
    if (isSettled && (result !== undefined || looks > 0)) return result
    place = placeNow(context, first.id)
    if (place === undefined) return undefined
  }
  return result
}

/** The free uploads are listed again after the claimed ones: a release in between would be in neither list. */
async function uploadPlaces(context: Context): Promise<Iterable<UploadPlace>> {
  const { fs, layout } = context
  const places = new Map<string, UploadPlace>()
  const addFree = (): void => {
    for (const id of readableNames(fs, layout.uploads))
      if (isUploadId(id) && !places.has(id)) places.set(id, free(context, id))
  }
  addFree()
  for (const [id, found] of await listClaims(context))
    if (isUploadId(id) && !places.has(id)) places.set(id, claimed(id, found))
  addFree()
  return places.values()
}

/** Its present place; undefined if it has ended. */
function placeNow(context: Context, id: string): UploadPlace | undefined {
  const place = free(context, id)
  if (existsAt(context.fs, place.directory)) return place
  const found = findClaim(context, id)
  if (found !== undefined) return claimed(id, found)
  return existsAt(context.fs, place.directory) ? place : undefined
}

function free({ layout }: Context, id: string): UploadPlace {
  return { id, directory: inside(layout.uploads, id), session: undefined }
}

/** A sweep's suspect, which may be overdue, is in no session: its directory is its own. */
function claimed(id: string, { id: holder, directory, claim }: Found): UploadPlace {
  return { id, directory: claim, session: holder === id ? undefined : { path: directory, id: holder } }
}
