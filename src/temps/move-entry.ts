// Ends an entry by moving it: to its destination, to the handoffs, to kept/. Guarantee: nothing may still write to it, and
// an entry whose session had another name for a moment is moved all the same.

import { moveIn } from '../disk/move/move-in.ts'
import { isMissing } from '../disk/paths.ts'
import { errnoOf, ioError, isTempFileError, TempFileError } from '../errors.ts'
import { operations } from '../on-demand.ts'
import { reportLeft } from '../removal/report-left.ts'
import { journalOf } from '../session/outside.ts'
import type { HandOffOptions, PersistOptions } from '../types.ts'
import { reportFailure } from './failure.ts'
import type { LiveEntry } from './live-entry.ts'
import { type Persistable, persist, persistError, persistSync, targetOf } from './persist.ts'

/** @throws as TempEntry.persist */
export async function persistEntry(
  entry: LiveEntry,
  destination: string,
  options: PersistOptions,
): Promise<string> {
  entry.requireMovable('persist')
  const target = targetOf(destination) // before the first wait, in which the program may change its directory
  await entry.opened()
  entry.requireMovable('persist')
  const move = (): Promise<void> => persist(persistable(entry), target, options)
  await move()
    .catch((error: unknown) => again(entry, error, move))
    .catch((error: unknown) => failPersist(entry, error))
  entry.context.counters.persisted++
  await vacate(entry)
  return target
}

/** @throws as TempEntry.persistSync */
export function persistEntrySync(entry: LiveEntry, destination: string, options: PersistOptions): string {
  entry.requireMovable('persist')
  entry.closeOpening()
  const { holding } = entry
  if (holding !== undefined && (holding.leaveSync !== undefined || holding.foreign !== undefined)) {
    throw new TempFileError(
      'ERR_TEMP_IO',
      'persistSync cannot move a claim or an entry that was adopted in place. Use persist().',
    )
  }
  const target = targetOf(destination)
  try {
    const move = (): void => persistSync(persistable(entry), target, options)
    try {
      move()
    } catch (error) {
      again(entry, error, move)
    }
  } catch (error) {
    failPersist(entry, error)
  }
  entry.context.counters.persisted++
  entry.settle('moved')
  try {
    holding?.vacateSync?.()
  } catch (error) {
    reportFailure(entry, error) // the data is at its destination; only an empty directory stays in the session
  }
  return target
}

/** Returns the ticket. @throws as TempEntry.handOff */
export async function handOffEntry(entry: LiveEntry, options: HandOffOptions): Promise<string> {
  entry.requireMovable('publish')
  const { publish } = await operations()
  await entry.opened()
  entry.requireMovable('publish')
  const { kind, path, name, holding, session } = entry
  // Not the entry itself: a claim has a ticket too, which is not the new one.
  const published = { kind, path, name, foreign: holding?.foreign }
  const move = (): Promise<string> => publish(session, published, holding?.workshop ?? session.path, options)
  const ticket = await move().catch((error: unknown) => again(entry, error, move))
  entry.context.counters.handedOff++
  await vacate(entry)
  return ticket
}

/** @throws as Entry.moveTo */
export async function moveEntry(entry: LiveEntry, path: string): Promise<void> {
  const { fs } = entry.context
  await entry.closeResources()
  try {
    await move(entry, path)
  } catch (error) {
    if (!isMissing(fs, entry.path)) throw ioError(error, 'keep a temporary file or directory', entry.path)
    // The session may have a tombstone's name, from where confirm() takes it back.
    if (!entry.session.confirm() || isMissing(fs, entry.path)) return
    await move(entry, path)
  }
  await vacate(entry)
}

async function move({ context, holding, session, path }: LiveEntry, to: string): Promise<void> {
  const { fs } = context
  const holder = holding?.foreign
  if (holder === undefined) return fs.renameSync(path, to)
  const { left } = await moveIn(fs, path, to, { journal: journalOf(fs, session.path), holder })
  reportLeft(context, left)
}

function persistable({ holding, session, kind, path }: LiveEntry): Persistable {
  return {
    session,
    kind,
    path,
    foreign: holding?.foreign,
    retire: holding?.leave === undefined ? undefined : () => holding.vacate(),
  }
}

function failPersist(entry: LiveEntry, error: unknown): never {
  const { path, session } = entry
  throw persistError(error, { path, session }, () => entry.requireLive('persist'))
}

/** After a failed move: moves it once more if it had only been out of reach. @throws `error` otherwise, and what `move` throws */
function again<T>(entry: LiveEntry, error: unknown, move: () => T): T {
  const cause = isTempFileError(error) ? error.cause : error
  if (errnoOf(cause) !== 'ENOENT' || !entry.isBack()) throw error
  return move()
}

async function vacate(entry: LiveEntry): Promise<void> {
  const { holding } = entry
  entry.settle('moved')
  try {
    await holding?.vacate()
  } catch (error) {
    reportFailure(entry, error) // the data is at its destination; only an empty directory stays in the session
  }
}
