// `ls`: what is under a root, and whose it is. Promise: looks only.

import type { HandoffInfo, SessionUsage } from '../../index.ts'
import { type CommonOptions, managerOf, type Stage, writeJson } from '../command.ts'
import { STATUS } from '../exit-status.ts'
import { type Cell, count, duration, painter, type Style, size, table } from '../terminal.ts'

const VERDICT: Readonly<Record<SessionUsage['verdict'], Style>> = {
  alive: 'green',
  dead: 'red',
  unknown: 'yellow',
}
const STATE: Readonly<Record<HandoffInfo['state'], Style>> = {
  available: 'green',
  claimed: 'yellow',
  dead: 'red',
  corrupt: 'red',
}

export async function ls(stage: Stage, options: CommonOptions): Promise<number> {
  const usage = await managerOf(options).usage()
  if (options.json === true) {
    writeJson(stage, usage)
    return STATUS.done
  }
  const paint = painter(stage.stdout)
  const { root, sessions, handoffs, files, bytes } = usage
  stage.stdout.write(
    `${paint('bold', root)}: ${count(sessions.length, 'session')}, ${count(handoffs.length, 'handoff')}, ${count(files, 'file')}, ${size(bytes)}\n`,
  )
  if (sessions.length > 0) {
    const head = ['SESSION', 'OWNER', 'PID', 'HOST', 'PROGRAM', 'AGE', 'FILES', 'SIZE', 'WHY']
    stage.stdout.write(`\n${table(head, sessions.map(sessionRow), paint)}`)
  }
  if (handoffs.length > 0) {
    const head = [
      'HANDOFF',
      'STATE',
      'NAME',
      'AGE',
      'EXPIRES',
      'ATTEMPTS',
      'FILES',
      'SIZE',
      'CLAIMED BY, OR LAST ERROR',
    ]
    stage.stdout.write(`\n${table(head, handoffs.map(handoffRow), paint)}`)
  }
  return STATUS.done
}

function sessionRow(session: SessionUsage): Cell[] {
  const { startedAtMs } = session
  const owner = session.state === 'live' ? session.verdict : `${session.verdict} (${session.state})`
  return [
    { text: session.name },
    { text: owner, style: VERDICT[session.verdict] },
    { text: session.pid === undefined ? '-' : String(session.pid), right: true },
    { text: session.hostname ?? '-' },
    { text: session.program || '-' },
    {
      text: duration(startedAtMs === undefined || startedAtMs === 0 ? undefined : Date.now() - startedAtMs),
      right: true,
    },
    { text: String(session.files), right: true },
    { text: size(session.bytes), right: true },
    { text: session.reason, style: 'dim' },
  ]
}

function handoffRow(handoff: HandoffInfo): Cell[] {
  return [
    { text: handoff.ticket },
    { text: handoff.state, style: STATE[handoff.state] },
    { text: handoff.name ?? '-' },
    { text: duration(handoff.ageMs), right: true },
    { text: duration(handoff.expiresInMs), right: true },
    { text: String(handoff.attempts), right: true },
    { text: String(handoff.files), right: true },
    { text: size(handoff.bytes), right: true },
    { text: remarkOn(handoff), style: 'dim' },
  ]
}

function remarkOn(handoff: HandoffInfo): string {
  if (handoff.state === 'corrupt') return handoff.problem ?? ''
  return handoff.state === 'dead' ? (handoff.lastError ?? '-') : claimantOf(handoff)
}

/** 'pid 7 on host, dead'; '-' while it is free. */
export function claimantOf({ claimant }: HandoffInfo): string {
  if (claimant === undefined) return '-'
  const verdict = claimant.verdict === 'alive' ? '' : `, ${claimant.verdict}`
  return `pid ${claimant.pid ?? '?'} on ${claimant.hostname ?? '?'}${verdict}`
}
