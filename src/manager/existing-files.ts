// Files that exist already, for a manager: taken over, or judged where they are. Guarantee: the end of the manager ends the
// wait for a `validate` that does not answer; a relative path means the working directory of the call.

import type { Context } from '../context.ts'
import { optionError } from '../errors.ts'
import { absolutePath, isGivenPath } from '../input/given-path.ts'
import type { Lifecycle } from '../lifecycle.ts'
import { operations } from '../on-demand.ts'
import type { AdoptOptions, CheckedFile, FileRules, TempDir, TempFile } from '../types.ts'

/** Takes a file or directory over. */
export async function adopt(
  { prefix }: Context,
  life: Lifecycle,
  path: string,
  options?: AdoptOptions,
): Promise<TempFile | TempDir> {
  life.requireOpen()
  const source = pathOf(path, 'adopt')
  return await life.abortable(undefined, (ending) =>
    life.run(async (session) => (await operations()).adopt(session, source, { prefix, ending }, options)),
  )
}

/** Judges a file where it is. */
export async function checkFile(
  { fs }: Context,
  life: Lifecycle,
  path: string,
  rules: FileRules,
): Promise<CheckedFile> {
  life.requireOpen()
  const checked = pathOf(path, 'checkFile')
  const { checkFile: check, prepareRules } = await operations()
  const prepared = prepareRules(rules, 'rules')
  return await life.abortable(undefined, (ending) =>
    check(fs, checked, prepared, { inSession: (work) => life.run(work), ending }),
  )
}

/** The absolute path of the argument of `of`. @throws ERR_TEMP_OPTION_INVALID, ERR_TEMP_IO */
function pathOf(given: unknown, of: string): string {
  if (isGivenPath(given)) return absolutePath(given)
  throw optionError('path', `${of} needs the path of a file, a non-empty string without NUL characters.`)
}
