// Directories kept for debugging: one in kept/ for each failure or preserved session, with the reason in kept.json.
// Guarantee: of failures only the newest few are kept, each whole; nothing else in kept/ is removed without a request.

import { giveBackAll } from '../claimable/give-back.ts'
import type { FileSystem } from '../disk/file-system.ts'
import { measureUserFiles } from '../disk/measure.ts'
import { existsAt, namesIfThere, renameIfThere } from '../disk/paths.ts'
import { readRecord, writeRecord } from '../disk/record-file.ts'
import { type RemoveReport, removeTreeSliced } from '../disk/remove/remove.ts'
import { errnoOf, ioError, type TempFileError } from '../errors.ts'
import { forLog } from '../input/names.ts'
import type { KeepPolicy } from '../keep-policy.ts'
import {
  CLAIMS,
  goneName,
  inside,
  isOwnRecord,
  KEPT_RECORD,
  ownHolder,
  parseSessionsEntry,
  type Root,
  randomText,
} from '../layout.ts'
import { draftName } from '../liveness/draft-name.ts'
import { addOwnSession, deleteOwnSession } from '../liveness/own-sessions.ts'
import { volumeNow } from '../liveness/volume-clock.ts'
import { log, warn } from '../runtime/observe.ts'
import { checkRoom, openRoom } from '../session/root.ts'
import { removeShortPaths } from '../session/short-path.ts'

/**
 * Something in kept/, as {@link TempFileManager.usage} reports it.
 * @category Maintenance
 */
export interface KeptUsage {
  /** Its name under `kept/`. */
  readonly name: string
  /** The reason for keeping it; undefined if that cannot be read. */
  readonly reason: string | undefined
  /** Milliseconds since it was kept, by the volume's clock; undefined when that cannot be asked. */
  readonly ageMs: number | undefined
  readonly files: number
  readonly bytes: number
}

/** An entry that can be moved to kept/. */
export interface Keepable {
  readonly name: string
  /** Does nothing if another program has removed the entry. */
  moveTo(path: string): Promise<void>
}

const FAILED = 'failed-'
const MAX_REASON = 1000
const NO_REASON = 'no reason was given'

/** The name of a failure's directory in kept/. */
export function failedName(sessionId: string): string {
  return `${FAILED}${sessionId}-${randomText(4)}`
}

/** Moves a session to kept/ instead of deleting it. Its claims are given back. Returns its new path; throws the system's error. */
export function preserveSession(root: Root, path: string, name: string, reason: string): string {
  openRoom(root, 'kept')
  // Before the rename too: no process looks for claims in kept/, so a kill between the two would lose them.
  giveBackAll(root, inside(path, CLAIMS))
  removeShortPaths(root, path)
  const kept = inside(root.layout.kept, name)
  root.fs.renameSync(path, kept)
  giveBackAll(root, inside(kept, CLAIMS))
  noteReason(root, kept, reason)
  return kept
}

/** Notes in a kept directory why it is there. Never throws: the files matter more. */
function noteReason({ fs }: Root, directory: string, reason: unknown): void {
  const text = textOf(reason)
  try {
    const record = { v: 1, reason: text.slice(0, MAX_REASON), pid: process.pid }
    writeRecord(fs, inside(directory, KEPT_RECORD), record)
  } catch (error) {
    log.session('the reason was not noted: %s', errnoOf(error))
  }
}

function textOf(reason: unknown): string {
  return reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)
}

/**
 * Moves the entries of a failed scope to kept/, and removes what is over the limits. Returns the errors: ERR_TEMP_IO and
 * ERR_TEMP_NO_SPACE. An entry that cannot be kept does not stop the others.
 */
export async function keepFailed(
  root: Root,
  policy: KeepPolicy,
  entries: readonly Keepable[],
  failure: { readonly sessionId: string; readonly reason: unknown },
): Promise<TempFileError[]> {
  const errors: TempFileError[] = []
  const attempt = async (doing: string, work: () => Promise<void>): Promise<void> => {
    await work().catch((error: unknown) => errors.push(ioError(error, doing)))
  }
  const reason = failure.reason ?? NO_REASON
  await attempt('keep the temporary files of a failed scope', async () => {
    const directory = inside(root.layout.kept, failedName(failure.sessionId))
    await asDraft(root, directory, async (draft) => {
      noteReason(root, draft, reason)
      const place = placesIn(root.fs, draft)
      for (const entry of entries)
        await attempt('keep a temporary file or directory', async () => entry.moveTo(place(entry.name)))
    })
    if (errors.length === entries.length) return
    warn(`Temporary files were kept: ${forLog(textOf(reason).split('\n')[0] ?? '')}`, directory)
  })
  await attempt('remove what was kept before', () => pruneKept(root, policy))
  return errors
}

/**
 * Creates the directory of one failure, which is moved to kept/ once it is filled: another process that keeps newer failures
 * removes the oldest ones at any time. Throws the system's error.
 */
async function asDraft(root: Root, directory: string, fill: (draft: string) => Promise<void>): Promise<void> {
  openRoom(root, 'kept')
  const name = draftName(root)
  const draft = inside(root.layout.sessions, name)
  const id = parseSessionsEntry(name)?.id ?? ''
  addOwnSession(id) // or a sweep of this process meanwhile takes it for that of a program that execve replaced
  try {
    root.fs.mkdirSync(draft, { mode: 0o700 })
    root.fs.chmodSync(draft, 0o700)
    await fill(draft)
    root.fs.renameSync(draft, directory)
  } finally {
    deleteOwnSession(id)
  }
}

/**
 * Finds a free path in `directory` for each name. A name that is taken, or that a record of this package could have, gets
 * a numbered directory of its own: the second report.txt is 2/report.txt. Throws the system's error.
 */
function placesIn(fs: FileSystem, directory: string): (name: string) => string {
  let number = 1
  return (name) => {
    const path = inside(directory, name)
    const isOwn = isOwnRecord(name) || ownHolder(name) !== undefined
    if (!isOwn && !existsAt(fs, path)) return path
    for (;;) {
      const further = inside(directory, String(++number))
      if (existsAt(fs, further)) continue
      fs.mkdirSync(further, { mode: 0o700 })
      fs.chmodSync(further, 0o700)
      return inside(further, name)
    }
  }
}

/** Removes what is over the limits. Throws the system's error. */
export async function pruneKept(root: Root, policy: KeepPolicy): Promise<void> {
  const failures = keptNames(root).filter((name) => name.startsWith(FAILED))
  if (failures.length === 0) return
  const now = policy.ageMs === undefined ? undefined : volumeNow(root)
  const dated = failures.map((name) => ({ name, at: keptAt(root, name) ?? 0 })).sort((a, b) => b.at - a.at)
  const isOld = (at: number): boolean =>
    policy.ageMs !== undefined && now !== undefined && now - at > policy.ageMs
  for (const [index, { name, at }] of dated.entries())
    if (index >= policy.count || isOld(at)) await removeKept(root, name)
}

/** Everything in kept/. */
export async function listKept(root: Root): Promise<KeptUsage[]> {
  const names = keptNames(root)
  if (names.length === 0) return []
  const now = volumeNow(root)
  const kept: KeptUsage[] = []
  for (const name of names) {
    const directory = inside(root.layout.kept, name)
    const at = keptAt(root, name)
    const { files, bytes } = await measureUserFiles(root.fs, directory)
    const ageMs = at === undefined || now === undefined ? undefined : Math.max(0, now - at)
    kept.push({ name, reason: reasonOf(root, directory), ageMs, files, bytes })
  }
  return kept
}

/** Removes one kept directory; undefined when another process was first. Throws the system's error. */
export async function removeKept(
  root: Root,
  name: string,
  signal?: AbortSignal,
): Promise<RemoveReport | undefined> {
  const gone = inside(root.layout.sessions, goneName(randomText(8)))
  if (!renameIfThere(root.fs, inside(root.layout.kept, name), gone)) return undefined
  return await removeTreeSliced(root.fs, gone, { signal })
}

/** Names in kept/. @throws ERR_TEMP_UNSAFE_ROOT, and the system's error */
export function keptNames(root: Root): string[] {
  return checkRoom(root, 'kept') ? (namesIfThere(root.fs, root.layout.kept) ?? []) : []
}

/** The volume's time; a rename of the directory sets its ctime. */
function keptAt({ fs, layout }: Root, name: string): number | undefined {
  return fs.lstatSync(inside(layout.kept, name), { throwIfNoEntry: false })?.ctimeMs
}

function reasonOf({ fs }: Root, directory: string): string | undefined {
  const read = readRecord(fs, inside(directory, KEPT_RECORD))
  if (read.state !== 'read' || typeof read.value !== 'object' || read.value === null) return undefined
  const { reason } = read.value as { reason?: unknown } // checked on the next line
  return typeof reason === 'string' ? reason : undefined
}
