// Files that exist already, for a manager: taken over, or judged where they are. Guarantee: the end of the manager ends the
// wait for a `validate` that does not answer.

import type { Context } from '../context.ts'
import type { Lifecycle } from '../lifecycle.ts'
import { operations } from '../on-demand.ts'
import type { AdoptOptions, CheckedFile, FileRules, TempDir, TempFile } from '../types.ts'

/** Takes a file or directory over. */
export function adopt(
  { prefix }: Context,
  life: Lifecycle,
  path: string,
  options?: AdoptOptions,
): Promise<TempFile | TempDir> {
  return life.abortable(undefined, (ending) =>
    life.run(async (session) => (await operations()).adopt(session, path, { prefix, ending }, options)),
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
  const { checkFile: check, pathOf, prepareRules } = await operations()
  const checked = pathOf(path, 'checkFile')
  const prepared = prepareRules(rules, 'rules')
  return await life.abortable(undefined, (ending) =>
    check(fs, checked, prepared, { inSession: (work) => life.run(work), ending }),
  )
}
