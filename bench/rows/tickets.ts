// A ticket that does not exist: what a client that guesses tickets costs a server. Processor time a ticket, because each waits for a
// tenth of a second, and the longest hold of the event loop when a thousand come at once.

import { monitorEventLoopDelay } from 'node:perf_hooks'
import { kill, program, start } from '../children/start.ts'
import type { Effort } from '../measure/effort.ts'
import { interval, ratios } from '../measure/interval.ts'
import { type Row, row } from '../measure/verdict.ts'
import { TempFileManager } from '../subject.ts'

const FEW = 10
const MANY = 500
const AT_ONCE = 1000
const TICKETS = 10
const UNKNOWN = '0123456789abcdefghjkmnpqrs'

export async function tickets(effort: Effort): Promise<Row[]> {
  const costs: Record<number, number[]> = {}
  const holds: number[] = []
  for (const sessions of [FEW, MANY]) {
    const name = `tickets-${sessions}`
    const { child } = await start<string[]>(program('crowd'), [effort.directory, name, sessions, 1, 0])
    const options = { baseDir: effort.directory, name, sweep: { onStart: false, every: false } } as const
    await using manager = new TempFileManager(options)
    await unknown(manager)
    costs[sessions] = []
    for (let round = 0; round < effort.of(4, 3); round++) costs[sessions].push(await timeOfOne(manager))
    if (sessions === MANY)
      for (let round = 0; round < effort.of(4, 3); round++) holds.push(await holdOf(effort.directory, name))
    await kill(child)
  }
  const [many = [], few = []] = [costs[MANY], costs[FEW]]
  const shown = (list: readonly number[]): string => `${interval(list).median.toFixed(2)} ms`
  return [
    row({
      group: 'tickets',
      what: `an unknown ticket, ${MANY} sessions in the root, processor time`,
      against: `the same with ${FEW} sessions`,
      ours: shown(many),
      theirs: shown(few),
      rounds: ratios(many, few),
      target: { atMost: 3 },
    }),
    row({
      group: 'tickets',
      what: `longest hold of the event loop, ${AT_ONCE} unknown tickets at once, ${MANY} sessions`,
      against: '',
      ours: shown(holds),
      theirs: '',
      rounds: holds,
      unit: 'ms',
      target: { atMost: 50 },
    }),
  ]
}

async function unknown(manager: InstanceType<typeof TempFileManager>): Promise<void> {
  await manager.claim(UNKNOWN).then(
    () => {
      throw new Error('a ticket that does not exist was claimed')
    },
    () => {},
  )
}

/** Milliseconds of processor time for one ticket. */
async function timeOfOne(manager: InstanceType<typeof TempFileManager>): Promise<number> {
  const before = process.cpuUsage()
  for (let asked = 0; asked < TICKETS; asked++) await unknown(manager)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000 / TICKETS
}

/** By a new manager each time, which has not looked at the sessions before. */
async function holdOf(baseDir: string, name: string): Promise<number> {
  await using manager = new TempFileManager({ baseDir, name, sweep: { onStart: false, every: false } })
  manager.file()
  const delay = monitorEventLoopDelay({ resolution: 1 })
  await new Promise((resolve) => setTimeout(resolve, 20))
  delay.enable()
  await Promise.all(Array.from({ length: AT_ONCE }, () => unknown(manager)))
  delay.disable()
  return Math.max(0, delay.max / 1e6 - 1)
}
