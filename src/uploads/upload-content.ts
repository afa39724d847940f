// What an upload holds, as the next claim will find it. Guarantee: looks only; where a process was killed while it published
// the file, the answer is that of the claim, which takes the file back or notes that the upload is finished.

import type { UploadState } from '../claimable/upload-state.ts'
import { findSync, namesIfThere } from '../disk/paths.ts'
import { DATA, inside, isPublishName, type Root } from '../layout.ts'
import { readResult, type UploadResult } from './finished.ts'

export interface UploadContent {
  /** Of the data in `directory`; undefined if there is none, because it was published or is lost. */
  readonly size: number | undefined
  /** Of a finished upload, if it can be read. */
  readonly result: UploadResult | undefined
  readonly done: boolean
}

/** `name`: of the data; undefined where the record cannot be read. Throws the system's error. */
export function contentOf(
  root: Pick<Root, 'fs'>,
  directory: string,
  name: string | undefined,
  state: UploadState | undefined,
): UploadContent {
  if (state?.done === true) return { size: undefined, result: readResult(root, directory), done: true }
  const size = name === undefined ? undefined : sizeOf(root, directory, name)
  const result = name === undefined || size !== undefined ? undefined : readResult(root, directory)
  return { size, result, done: result !== undefined }
}

/** At home, in a publishing that was cut short, or at home again because the publishing failed meanwhile. */
function sizeOf({ fs }: Pick<Root, 'fs'>, directory: string, name: string): number | undefined {
  const sizeIn = (place: string): number | undefined => {
    const stats = findSync(fs, inside(inside(place, DATA), name))
    return stats?.isFile() === true ? stats.size : undefined
  }
  const size = sizeIn(directory)
  if (size !== undefined) return size
  const publishings = (namesIfThere(fs, directory) ?? []).filter(isPublishName)
  for (const each of publishings) {
    const taken = sizeIn(inside(directory, each))
    if (taken !== undefined) return taken
  }
  return sizeIn(directory)
}
