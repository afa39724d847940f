// Uploads over loopback, each contestant in a server process of its own, turn by turn: elapsed time and processor time, one
// at a time and fifty at once, on each disk; and what a large one costs in memory.

import type { ChildProcess } from 'node:child_process'
import { kill, program, start } from '../children/start.ts'
import { type Disk, onEachDisk } from '../measure/disks.ts'
import type { Effort } from '../measure/effort.ts'
import { interval, ratios } from '../measure/interval.ts'
import { rounds } from '../measure/rounds.ts'
import { get, upload, type Wrapping } from '../measure/upload.ts'
import { type Row, row, type Target } from '../measure/verdict.ts'

const MB = 1024 * 1024
const GB = 1024 * MB

/** The times of one contestant, round by round. */
interface Costs {
  /** MB a second. */
  readonly speed: number[]
  /** The server's processor seconds a GB. */
  readonly cpu: number[]
}

/** A server, one route of which is measured. */
export interface Server {
  /** Sends `count` bodies of `bytes` at once. */
  send(count: number, bytes: number): Promise<{ speed: number; cpu: number }>
  end(): Promise<void>
}

export async function serve(directory: string, path: string, wrapping: Wrapping): Promise<Server> {
  const { child, ready } = await start<{ port: number }>(program('receiver'), [directory])
  return {
    send: (count, bytes) => send({ port: ready.port, path, wrapping }, count, bytes),
    end: () => end(child),
  }
}

function end(child: ChildProcess): Promise<void> {
  return kill(child)
}

/** The answer of `GET /settled` after all received files were removed. */
export async function settled(port: number): Promise<{ peak: number; cpu: number }> {
  return JSON.parse(await get(port, '/settled')) as { peak: number; cpu: number } // children/receiver.ts
}

async function send(
  { port, path, wrapping }: { port: number; path: string; wrapping: Wrapping },
  count: number,
  bytes: number,
): Promise<{ speed: number; cpu: number }> {
  const before = await settled(port)
  const began = performance.now()
  await Promise.all(Array.from({ length: count }, () => upload(port, path, bytes, wrapping)))
  const seconds = (performance.now() - began) / 1000
  const after = await settled(port)
  return { speed: (count * bytes) / MB / seconds, cpu: (after.cpu - before.cpu) / ((count * bytes) / GB) }
}

export interface Load {
  /** Uploads at once, and the bytes of each. */
  readonly count: number
  readonly bytes: number
  /** How many server processes a contestant has, one after another, and the rounds of each. */
  readonly servers: number
  readonly rounds: number
}

/**
 * Measures routes turn by turn. Each contestant has several server processes, one after another: where the memory of a
 * process comes from is settled when it starts, and may make every upload of it take half the time or twice as long.
 */
export async function contest<Name extends string>(
  directory: string,
  routes: Record<Name, readonly [path: string, wrapping: Wrapping]>,
  load: Load,
): Promise<Record<Name, Costs>> {
  const names = Object.keys(routes) as Name[] // the keys of a record over Name
  const all = Object.fromEntries(names.map((name) => [name, { speed: [], cpu: [] }])) as unknown as Record<
    Name,
    Costs
  > // one a name
  for (let n = 0; n < load.servers; n++) {
    const costs = await contestOfProcesses(directory, routes, load)
    for (const name of names) {
      all[name].speed.push(...costs[name].speed)
      all[name].cpu.push(...costs[name].cpu)
    }
  }
  return all
}

const WARM_UP = 2

async function contestOfProcesses<Name extends string>(
  directory: string,
  routes: Record<Name, readonly [path: string, wrapping: Wrapping]>,
  load: Load,
): Promise<Record<Name, Costs>> {
  const names = Object.keys(routes) as Name[] // the keys of a record over Name
  const servers: Server[] = []
  const cpu = {} as Record<Name, number[]> // filled for each name below
  const contestants = {} as Record<Name, () => Promise<number>> // the same
  for (const name of names) {
    const [path, wrapping] = routes[name]
    const server = await serve(directory, path, wrapping)
    servers.push(server)
    cpu[name] = []
    contestants[name] = async () => {
      const cost = await server.send(load.count, load.bytes)
      cpu[name].push(cost.cpu)
      return cost.speed
    }
  }
  const speeds = await rounds(contestants, load.rounds, WARM_UP)
  for (const server of servers) await server.end()
  const costs = {} as Record<Name, Costs> // filled for each name
  for (const name of names) costs[name] = { speed: speeds[name], cpu: cpu[name].slice(WARM_UP) }
  return costs
}

export async function uploads(effort: Effort): Promise<Row[]> {
  const rows = await onEachDisk(effort.directory, async (disk) => [
    ...(await bodies(effort, disk)),
    ...(await forms(effort, disk)),
    ...(await atOnce(effort, disk)),
  ])
  return [...rows, await peaks(effort)]
}

const PLAIN = 'pipeline into fs.createWriteStream'

interface Compared {
  readonly what: string
  readonly against: string
  readonly ours: Costs
  readonly theirs: Costs
  readonly target?: Target
  readonly known?: Target
  readonly headline?: string | undefined
}

/** Two rows: elapsed time, and processor time of the server. */
export function compare({ what, against, ours, theirs, target, known, headline }: Compared): Row[] {
  const median = (list: readonly number[]): number => interval(list).median
  return [
    row({
      group: 'uploads',
      what,
      against,
      ours: `${median(ours.speed).toFixed(0)} MB/s`,
      theirs: `${median(theirs.speed).toFixed(0)} MB/s`,
      rounds: ratios(ours.speed, theirs.speed),
      headline,
      ...(target === undefined ? {} : { target }),
      ...(known === undefined ? {} : { known }),
    }),
    row({
      group: 'uploads',
      what: `${what}: processor time`,
      against,
      ours: `${median(ours.cpu).toFixed(2)} s/GB`,
      theirs: `${median(theirs.cpu).toFixed(2)} s/GB`,
      rounds: ratios(ours.cpu, theirs.cpu),
    }),
  ]
}

async function bodies(effort: Effort, { directory, name }: Disk): Promise<Row[]> {
  const bytes = effort.of(256, 32) * MB
  const costs = await contest(
    directory,
    { [PLAIN]: ['/pipeline', 'raw'], ours: ['/receive', 'raw'], hashed: ['/receive-sha256', 'raw'] } as const,
    { count: 1, bytes, servers: effort.of(4, 1), rounds: 3 },
  )
  const where = `${bytes / MB} MB, ${name}`
  return [
    ...compare({
      what: `receive() of an http body, ${where}`,
      against: PLAIN,
      ours: costs.ours,
      theirs: costs[PLAIN],
      target: { lowAtLeast: 1.4 },
      headline: directory === effort.directory ? 'How fast is an upload?' : undefined,
    }),
    ...compare({
      what: `the same with sha256, ${where}`,
      against: PLAIN,
      ours: costs.hashed,
      theirs: costs[PLAIN],
    }),
  ]
}

async function forms(effort: Effort, { directory, name }: Disk): Promise<Row[]> {
  const bytes = effort.of(256, 32) * MB
  const costs = await contest(
    directory,
    {
      ours: ['/form', 'form'],
      express: ['/express', 'form'],
      'multer 2 to disk': ['/multer', 'form'],
      formidable: ['/formidable', 'form'],
      '@fastify/multipart, pipeline': ['/fastify-multipart', 'form'],
    } as const,
    { count: 1, bytes, servers: effort.of(4, 1), rounds: 3 },
  )
  const where = `${bytes / MB} MB, ${name}`
  const multer = { against: 'multer 2 to disk', theirs: costs['multer 2 to disk'] }
  const what = `receiveForm(), multipart, ${where}`
  return [
    ...compare({
      what,
      ours: costs.ours,
      ...multer,
      target: { lowAtLeast: 1.4 },
      headline: directory === effort.directory ? 'And a form?' : undefined,
    }),
    ...compare({ what: `tempUpload() in Express, ${where}`, ours: costs.express, ...multer }),
    ...(['formidable', '@fastify/multipart, pipeline'] as const).flatMap((against) =>
      compare({ what, against, ours: costs.ours, theirs: costs[against] }),
    ),
  ]
}

async function atOnce(effort: Effort, { directory, name }: Disk): Promise<Row[]> {
  const [count, megabytes] = [effort.of(50, 10), effort.of(64, 8)]
  const costs = await contest(
    directory,
    { [PLAIN]: ['/pipeline', 'raw'], ours: ['/receive', 'raw'] } as const,
    // Whether V8 makes full collections is decided process by process (docs/benchmarks.md), so there are several.
    { count, bytes: megabytes * MB, servers: effort.of(6, 1), rounds: effort.of(2, 3) },
  )
  return compare({
    what: `receive() of ${count} uploads of ${megabytes} MB at once, ${name}`,
    against: PLAIN,
    ours: costs.ours,
    theirs: costs[PLAIN],
    target: { lowAtLeast: 1.1 },
    known: { atLeast: 0.85 },
  })
}

/** A server's highest resident memory after a large upload, against the same server after a small one. */
async function peaks(effort: Effort): Promise<Row> {
  const receiver = program('receiver')
  const small = 10
  const large = effort.of(2048, 512)
  // Twenty small ones: a young process grows its heap's nursery to its full size within the first 200 MB, whatever
  // receives them (bare pipeline: 83 MiB after 10 MB, 113 after 200 MB, 117 after 2 GB).
  const peakAfter = (times: number, megabytes: number) => async (): Promise<number> => {
    const { child, ready } = await start<{ port: number }>(receiver, [effort.directory])
    for (let time = 0; time < times; time++) {
      await upload(ready.port, '/express', megabytes * MB, 'form')
      await settled(ready.port)
    }
    const { peak } = await settled(ready.port)
    await kill(child)
    return peak / 1024
  }
  const costs = await rounds({ small: peakAfter(20, small), large: peakAfter(1, large) }, effort.of(4, 3), 0)
  const shown = (list: readonly number[]): string => `${interval(list).median.toFixed(0)} MiB`
  return row({
    group: 'uploads',
    what: `server's peak memory, ${large} MB upload`,
    against: `the same server, ${small} MB uploads`,
    ours: shown(costs.large),
    theirs: shown(costs.small),
    rounds: ratios(costs.large, costs.small),
    target: { atMost: 1.1 },
    headline: 'What does a large upload cost in memory?',
  })
}
