// The temp root as a stranger with `ls` sees it. Guarantee: it reads the disk, not the library, so the demo's
// claims about what is left do not rest on the code they are about.

import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { megabytes, paint, say } from '../stage.ts'

interface Entry {
  readonly path: string
  readonly bytes: number
}

/** The library's own entries in its directories; they are not user data. */
const BOOKKEEPING = /(?:^|\/)(?:owner\.json|lease(?:-2)?|handoff\.json|attempt-\d+)$/

async function* walk(directory: string, below = ''): AsyncGenerator<Entry> {
  const entries = await readdir(join(directory, below), { withFileTypes: true }).catch(() => [])
  for (const entry of entries) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`
    if (entry.isDirectory()) yield* walk(directory, path)
    else {
      const stats = await lstat(join(directory, path)).catch(() => undefined)
      if (stats !== undefined) yield { path, bytes: stats.size }
    }
  }
}

/** Every user file below the root, bookkeeping left out. */
export async function filesIn(root: string): Promise<Entry[]> {
  const files: Entry[] = []
  for await (const entry of walk(root)) if (!BOOKKEEPING.test(entry.path)) files.push(entry)
  return files
}

/** Absolutely everything below the root that is not an empty directory. */
export async function everythingIn(root: string): Promise<Entry[]> {
  const all: Entry[] = []
  for await (const entry of walk(root)) all.push(entry)
  return all
}

export async function show(root: string, when: string): Promise<void> {
  const files = await filesIn(root)
  say(paint('cyan', `the temp root ${when}:`))
  if (files.length === 0) say(paint('dim', '   (no files)'))
  for (const { path, bytes } of files) {
    const short = path.replace(/([sh]-)?([\w-]{8})[\w-]{8,}(?=\/)/g, '$1$2…')
    say(`   ${short.padEnd(58)} ${megabytes(bytes).padStart(9)}`)
  }
}

/** Waits until the root is as described; false after twenty seconds. */
export async function becomes(root: string, wanted: (files: readonly Entry[]) => boolean): Promise<boolean> {
  const deadline = Date.now() + 20_000
  while (Date.now() < deadline) {
    if (wanted(await filesIn(root))) return true
    await new Promise((resolve) => setTimeout(resolve, 15))
  }
  return false
}
