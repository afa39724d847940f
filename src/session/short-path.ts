// Short paths of directories, for child programs: unix(7) gives a socket's path 107 bytes, and a path in a session has more
// before the program adds its own names. Guarantee: a short path is a link in tmp/ of the root that ends with its directory,
// at the latest with its session; where no link can be created, the directory's own path is used.

import { symlinkSync } from 'node:fs'
import { basename } from 'node:path'
import { existsAt } from '../disk/paths.ts'
import { errnoOf } from '../errors.ts'
import { inside, parseSessionsEntry, type Root } from '../layout.ts'
import { platform } from '../platform/index.ts'
import { log } from '../runtime/observe.ts'
import { openRoom } from './root.ts'

/**
 * A short path of the directory `path`, under `name`, which starts with the random part of the session's id. It ends in a
 * slash, as TMPDIR of macOS does: find(1), du(1) and stat(1) look through it. Undefined where there is none.
 */
export function shortPathOf(root: Root, path: string, name: string): string | undefined {
  const link = inside(root.layout.tmp, name)
  if (!root.native || !platform().lease.onDisk || link.length >= path.length) return undefined
  try {
    openRoom(root, 'tmp')
    symlinkSync(path, link)
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') {
      log.session('no short path: %s', errnoOf(error))
      return undefined
    }
  }
  return `${link}/`
}

/** Removes one short path. Never throws: a link that stays ends with its session. */
export function removeShortPath({ fs, layout }: Root, name: string): void {
  try {
    fs.unlinkSync(inside(layout.tmp, name))
  } catch {}
}

/** Removes the short paths of a session, whatever the name of its directory is now. Never throws. */
export function removeShortPaths(root: Root, session: string): void {
  const random = parseSessionsEntry(basename(session))?.id.split('-').at(-1)
  if (random === undefined || !root.native) return
  try {
    if (!existsAt(root.fs, root.layout.tmp)) return // nearly no root has it
    for (const name of root.fs.readdirSync(root.layout.tmp).map(String))
      if (name.startsWith(`${random}-`)) removeShortPath(root, name)
  } catch {}
}
