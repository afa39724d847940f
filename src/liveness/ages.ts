// Measures the time since a session's owner gave a sign of life, by the volume's own clock. Guarantee: ages come from
// ctimes, which no utimes can set back; an age that could not be read is undefined, and nothing throws.

import type { FileSystem } from '../disk/file-system.ts'
import { HEARTBEAT, inside, LEASE, OWNER } from '../layout.ts'
import type { Evidence } from './verdict.ts'

type Ages = Pick<Evidence, 'untouchedMs' | 'silentMs' | 'suspectedMs'>

export const UNAGED: Ages = { untouchedMs: undefined, silentMs: undefined, suspectedMs: undefined }

/** The ages of the session in `directory` at the volume's `now`, in milliseconds. */
export function agesOf(
  fs: FileSystem,
  directory: string,
  { now, heartbeat }: { readonly now: number | undefined; readonly heartbeat: boolean },
): Ages {
  if (now === undefined) return UNAGED
  const since = (at: number | undefined): number | undefined => (at === undefined ? undefined : now - at)
  const suspected = /[/\\]\.dead-[^/\\]+$/.test(directory)
  return {
    untouchedMs: since(lastTouched(fs, directory, [OWNER, LEASE, HEARTBEAT])),
    silentMs: heartbeat ? since(lastTouched(fs, directory, [HEARTBEAT, OWNER])) : undefined,
    suspectedMs: suspected ? since(ctimeOf(fs, directory)) : undefined, // set by the rename
  }
}

/** The latest ctime of entries that a rename of the session does not touch; without any, the session's mtime. */
function lastTouched(fs: FileSystem, directory: string, names: readonly string[]): number | undefined {
  const times = names.map((name) => ctimeOf(fs, inside(directory, name))).filter((time) => time !== undefined)
  if (times.length > 0) return Math.max(...times)
  try {
    return fs.lstatSync(directory).mtimeMs
  } catch {
    return undefined
  }
}

function ctimeOf(fs: FileSystem, path: string): number | undefined {
  try {
    return fs.lstatSync(path).ctimeMs
  } catch {
    return undefined
  }
}
