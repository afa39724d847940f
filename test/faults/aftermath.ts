// The state of the disk after a case, read with node:fs alone. Guarantee: every problem is reported in words;
// an empty list means that all promises were kept.

import { spawnSync } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TempFileManager } from '../../src/index.ts'
import { agedFileSystem, REUSED_PID } from '../fixtures/crafted-session.ts'
import { type Ground, type Outcome, PAYLOAD, ROOT_NAME, rootOf, type Truth } from './preparing.ts'

/** Memory, where there is some: thousands of cases sync their files. */
const FAST =
  existsSync('/dev/shm') && statSync('/dev/shm').dev !== statSync(tmpdir()).dev ? '/dev/shm' : undefined

/** As it is before the seam is installed: a look of one case at its descriptors is no call of the cases beside it. */
const readLinkUnwatched = readlinkSync

let otherDevice: string | undefined

/** Gives the cases a second device in memory, where we may mount one; returns the function that takes it away. */
export function mountOtherDevice(): () => void {
  const place = realpathSync(mkdtempSync(join(tmpdir(), 'tfm-test-')))
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64m,mode=700', 'tmpfs', place])
  if (status === 0) otherDevice = place
  return () => {
    if (status === 0) spawnSync('umount', ['-l', place])
    otherDevice = undefined
    rmSync(place, { recursive: true })
  }
}

/** Whether a second device is at hand. */
export function hasOtherDevice(): boolean {
  return otherDevice !== undefined || FAST !== undefined
}

/** New directories for one case, with a foreign file beside the root. */
export function newGround(): Ground & { remove(): void } {
  const base = realpathSync(mkdtempSync(join(FAST ?? tmpdir(), 'tfm-test-')))
  const far = realpathSync(mkdtempSync(join(otherDevice ?? tmpdir(), 'tfm-test-')))
  const beside = join(base, 'external')
  mkdirSync(beside)
  writeFileSync(join(base, 'sentinel'), PAYLOAD)
  return {
    base,
    beside,
    far,
    remove: () => {
      rmSync(base, { recursive: true, force: true })
      rmSync(far, { recursive: true, force: true })
    },
  }
}

/** Descriptors of this process that are open on a file below the ground. */
export function openBelow(ground: Ground): string[] {
  const found: string[] = []
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      const path = readLinkUnwatched(`/proc/self/fd/${fd}`)
      if (path.startsWith(`${ground.base}/`) || path.startsWith(`${ground.far}/`)) found.push(path)
    } catch {
      // The descriptor of the listing itself.
    }
  }
  return found
}

/** Sweeps with a manager of its own, for which every draft that exists now is two hours old. */
export async function sweepAll(ground: Ground): Promise<void> {
  const root = rootOf(ground)
  const drafts = ['sessions', 'handoffs'].flatMap((room) => {
    const path = join(root, room)
    return existsSync(path) ? readdirSync(path).filter((name) => name.startsWith('.new-')) : []
  })
  const fs = agedFileSystem(() => drafts.map((name) => [new RegExp(`/${name}$`), 2 * 3_600_000]))
  await using sweeper = new TempFileManager({
    baseDir: ground.base,
    name: ROOT_NAME,
    fs,
    signals: false,
    sweep: { onStart: false, every: false },
  })
  const report = await sweeper.sweep()
  if (report.errors.length > 0) throw new Error(`The sweep found errors: ${JSON.stringify(report.errors)}`)
}

/** Their records then name a process that no longer has this pid. */
export function pretendOwnersDied(ground: Ground): void {
  const sessions = join(rootOf(ground), 'sessions')
  for (const name of existsSync(sessions) ? readdirSync(sessions) : []) {
    const record = join(sessions, name, 'owner.json')
    if (!existsSync(record)) continue
    const owner: unknown = JSON.parse(readFileSync(record, 'utf8'))
    writeFileSync(record, JSON.stringify({ ...Object(owner), ...REUSED_PID }))
  }
}

/** A file or tree of this case: 1 complete, 0 absent; anything else is reported as a problem. */
export function wholeness(path: string): { existing: number; problem?: string } {
  if (!existsSync(path)) return { existing: 0 }
  const files = lstatSync(path).isDirectory()
    ? ['a.txt', 'sub/b.txt'].map((name) => join(path, name))
    : [path]
  for (const file of files) {
    if (!existsSync(file)) return { existing: 1, problem: `${file} is missing` }
    if (readFileSync(file, 'utf8') !== PAYLOAD) return { existing: 1, problem: `${file} is not whole` }
  }
  return { existing: 1 }
}

/**
 * The guarantees that do not hold after everything was closed and swept. `strays`: a removal failed, and that was
 * reported. `copies`: nothing could be noted nor removed, which was reported, or the disk reported that nothing exists, so
 * that a copy may stay under a hidden name. `lies`: the disk keeps reporting that nothing exists; then only complete files are guaranteed.
 */
export function problemsAfter(
  ground: Ground,
  outcome: Outcome,
  truth: Readonly<Record<Outcome, Partial<Truth>>>,
  { strays = false, copies = false, lies = false } = {},
): string[] {
  const problems: string[] = []
  const either = [0, 1]
  const allowed = lies ? { handoffs: either, destination: either, source: either } : truth[outcome]
  const expect = (what: string, existing: number, among: readonly number[] = [0]): void => {
    if (!among.includes(existing)) problems.push(`${what}: ${existing} exist, expected ${among.join(' or ')}`)
  }
  const root = rootOf(ground)
  const handoffs = existsSync(join(root, 'handoffs')) ? readdirSync(join(root, 'handoffs')) : []
  for (const ticket of handoffs) problems.push(...problemsOfHandoff(join(root, 'handoffs', ticket), strays))
  expect('handoffs', handoffs.length, allowed.handoffs)
  const sessions = existsSync(join(root, 'sessions')) ? readdirSync(join(root, 'sessions')) : []
  if (sessions.length > 0) problems.push(`sessions/ holds ${sessions.join(', ')}`)
  for (const place of [ground.beside, ground.far]) {
    for (const name of readdirSync(place)) {
      if (copies && name.startsWith('.tmp-')) continue
      if (!['destination', 'source'].includes(name)) problems.push(`a partial file is visible: ${name}`)
    }
  }
  for (const what of ['destination', 'source'] as const) {
    const found = [ground.beside, ground.far].map((place) => wholeness(join(place, what)))
    for (const { problem } of found) if (problem !== undefined) problems.push(problem)
    expect(
      what,
      found.reduce((sum, { existing }) => sum + existing, 0),
      allowed[what],
    )
  }
  const others = readdirSync(ground.base).filter((name) => join(ground.base, name) !== root)
  if (others.sort().join() !== 'external,sentinel') problems.push(`beside the root: ${others.join(', ')}`)
  if (readFileSync(join(ground.base, 'sentinel'), 'utf8') !== PAYLOAD)
    problems.push('the sentinel was changed')
  return problems
}

function problemsOfHandoff(path: string, strays: boolean): string[] {
  try {
    const record = JSON.parse(readFileSync(join(path, 'handoff.json'), 'utf8')) as { name: string } // ours
    const attempts = readdirSync(path).filter((name) => name.startsWith('attempt-'))
    const known = ['handoff.json', 'data', 'failure.json', 'retried-0', ...attempts]
    // The empty draft of a handOff that could not be undone; the next claim or return removes it.
    const rest = readdirSync(path).filter(
      (name) => !known.includes(name) && !(strays && name.startsWith('.pub-')),
    )
    const { existing, problem } = wholeness(join(path, 'data', record.name))
    const problems = problem === undefined ? [] : [problem]
    if (existing !== 1) problems.push('a handoff without its data')
    if (attempts.length !== 1) problems.push(`attempts: ${attempts.join(', ')}`)
    if (rest.length > 0) problems.push(`a handoff holds ${rest.join(', ')}`)
    return problems
  } catch (error) {
    return [`a handoff that is not whole: ${String(error)}`]
  }
}
