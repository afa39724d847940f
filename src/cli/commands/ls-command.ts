// `ls`: what is under a root, and who owns it. Guarantee: changes nothing; each line fits a terminal of 80 columns.

import { hostname } from 'node:os'
import type { HandoffInfo, KeptUsage, SessionUsage, UploadInfo } from '../../index.ts'
import { managerOf, type Stage, type Values, writeJson } from '../command.ts'
import { STATUS } from '../exit-status.ts'
import { count, duration, painter, type Row, type Style, shortened, size, table } from '../terminal.ts'

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
const UPLOAD_STATE: Readonly<Record<UploadInfo['state'], Style>> = {
  waiting: 'yellow',
  receiving: 'green',
  finished: 'green',
  corrupt: 'red',
}

export async function ls(stage: Stage, values: Values): Promise<number> {
  const usage = await managerOf(stage, values).usage()
  if (values['json'] === true) {
    writeJson(stage, usage)
    return STATUS.done
  }
  const paint = painter(stage.stdout)
  const { root, sessions, handoffs, uploads, kept, files, bytes } = usage
  const partial = uploads.length === 0 ? '' : `, ${count(uploads.length, 'upload')}`
  stage.stdout.write(
    `${paint('bold', root)}: ${count(sessions.length, 'session')}, ${count(handoffs.length, 'handoff')}${partial}, ${count(files, 'file')}, ${size(bytes)}\n`,
  )
  if (sessions.length > 0) {
    const head = ['SESSION', 'OWNER', 'AGE', 'FILES', 'SIZE', 'PROGRAM']
    stage.stdout.write(`\n${table(head, sessions.map(sessionRow), paint)}`)
  }
  if (handoffs.length > 0) {
    const head = ['HANDOFF', 'STATE', 'NAME', 'EXPIRES', 'ATTEMPTS', 'SIZE']
    stage.stdout.write(`\n${table(head, handoffs.map(handoffRow), paint)}`)
  }
  if (uploads.length > 0) {
    const head = ['UPLOAD', 'STATE', 'NAME', 'EXPIRES', 'SIZE', 'OF']
    stage.stdout.write(`\n${table(head, uploads.map(uploadRow), paint)}`)
  }
  if (kept.length > 0) {
    const head = ['KEPT', 'AGE', 'FILES', 'SIZE']
    stage.stdout.write(`\n${table(head, kept.map(keptRow), paint)}`)
  }
  return STATUS.done
}

function keptRow({ name, ageMs, files, bytes, reason }: KeptUsage): Row {
  return {
    cells: [
      { text: shortened(name, 44) },
      { text: duration(ageMs), right: true },
      { text: String(files), right: true },
      { text: size(bytes), right: true },
    ],
    note: reason?.split('\n')[0],
  }
}

function sessionRow(session: SessionUsage): Row {
  const { startedAtMs, hostname: host } = session
  const owner = session.state === 'live' ? session.verdict : `${session.verdict} (${session.state})`
  const elsewhere = host === undefined || host === hostname() ? '' : `, host ${host}`
  return {
    cells: [
      { text: shortened(session.name, 30) },
      { text: owner, style: VERDICT[session.verdict] },
      { text: duration(startedAtMs ? Date.now() - startedAtMs : undefined), right: true },
      { text: String(session.files), right: true },
      { text: size(session.bytes), right: true },
      { text: shortened(session.program || '-', 12) },
    ],
    note: `${session.reason}${elsewhere}`,
  }
}

function handoffRow(handoff: HandoffInfo): Row {
  const { expiresInMs, attempts } = handoff
  const expired = isExpired(handoff)
  const remark = remarkOn(handoff)
  return {
    cells: [
      { text: handoff.ticket },
      expired ? { text: 'expired', style: 'red' } : { text: handoff.state, style: STATE[handoff.state] },
      { text: shortened(handoff.name ?? '-', 16) },
      { text: expired ? 'now' : duration(expiresInMs), right: true },
      { text: String(attempts), right: true },
      { text: size(handoff.bytes), right: true },
    ],
    note: remark === '-' ? undefined : remark,
  }
}

function uploadRow({
  id,
  state,
  originalName,
  expiresInMs,
  bytes,
  length,
  writer,
  problem,
}: UploadInfo): Row {
  const expired = expiresInMs !== undefined && expiresInMs <= 0
  const received = state === 'finished' ? (length ?? 0) : bytes
  return {
    cells: [
      { text: id },
      expired ? { text: 'expired', style: 'red' } : { text: state, style: UPLOAD_STATE[state] },
      { text: shortened(originalName ?? '-', 16) },
      { text: expired ? 'now' : duration(expiresInMs), right: true },
      { text: size(received), right: true },
      { text: length === undefined ? '?' : size(length), right: true },
    ],
    note: problem ?? (writer && `pid ${writer.pid ?? '?'} on ${writer.hostname ?? '?'}`),
  }
}

/** Its time to live is over, and the next sweep removes it: `state` itself is still 'available'. */
export function isExpired({ state, expiresInMs }: HandoffInfo): boolean {
  return state === 'available' && expiresInMs !== undefined && expiresInMs <= 0
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
