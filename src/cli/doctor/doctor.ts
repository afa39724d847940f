// `doctor`: will it work here, and what to change if not. Guarantee: each check runs alone; one that fails to
// run is itself a finding.

import { realpathSync } from 'node:fs'
import { dirname } from 'node:path'
import { messageOf } from '../../errors.ts'
import type { TempFileManager } from '../../index.ts'
import { forLog } from '../../input/names.ts'
import { managerOf, type Stage, type Values, writeJson } from '../command.ts'
import { STATUS } from '../exit-status.ts'
import { count, painter, type Style, size } from '../terminal.ts'
import {
  checkAgeCleaners,
  checkBase,
  checkFileSystem,
  checkLengths,
  checkRootDirectory,
  existing,
} from './check-base.ts'
import { checkCapacity } from './check-capacity.ts'
import { checkEnvironment, checkLease, checkProc } from './check-evidence.ts'
import type { Finding } from './finding.ts'

const LOOK: Readonly<Record<Finding['status'], Style>> = {
  ok: 'green',
  note: 'dim',
  warning: 'yellow',
  problem: 'red',
}

export async function doctor(stage: Stage, values: Values): Promise<number> {
  const manager = managerOf(stage, values)
  const findings = await examine(manager)
  const healthy = findings.every(({ status }) => status === 'ok' || status === 'note')
  if (values['json'] === true) writeJson(stage, { root: manager.root, healthy, checks: findings })
  else print(stage, manager.root, findings, healthy)
  return healthy ? STATUS.done : STATUS.attention
}

async function examine(manager: TempFileManager): Promise<Finding[]> {
  const { root } = manager
  const base = dirname(root)
  const place = existing(base)
  const checks: readonly (readonly [string, () => Finding | readonly Finding[] | Promise<Finding>])[] = [
    ['base directory', () => checkBase(base)],
    ['root', () => checkRootDirectory(root)],
    ['file system', () => checkFileSystem(existing(root))],
    ['space', () => checkCapacity(realpathSync(place))],
    ['age cleaners', () => checkAgeCleaners(root)],
    ['path lengths', () => checkLengths(root)],
    ['lease', () => checkLease(base)],
    ['process evidence', () => checkProc()],
    ['contents', () => checkContents(manager)],
    ['environment', () => checkEnvironment()],
  ]
  const findings: Finding[] = []
  for (const [check, look] of checks) {
    try {
      findings.push(...[await look()].flat())
    } catch (error) {
      const found = `could not be checked: ${messageOf(error)}`
      findings.push({ check, status: 'problem', found, advice: 'See the other checks.' })
    }
  }
  return findings
}

async function checkContents(manager: TempFileManager): Promise<Finding> {
  const check = 'contents'
  const { sessions, handoffs, files, bytes } = await manager.usage()
  const found = `${count(sessions.length, 'session')}, ${count(handoffs.length, 'handoff')}, ${count(files, 'file')}, ${size(bytes)}`
  const unknown = sessions.filter((session) => session.verdict === 'unknown' && session.state === 'live')
  const corrupt = handoffs.filter((handoff) => handoff.state === 'corrupt')
  if (corrupt.length > 0)
    return {
      check,
      status: 'warning',
      found: `${found}; ${count(corrupt.length, 'corrupt handoff')}`,
      advice: 'ls shows what is wrong with them; no sweep removes them.',
    }
  if (unknown.length > 0) {
    return {
      check,
      status: 'warning',
      found: `${found}; nothing proves ${count(unknown.length, 'owner')} alive or dead`,
      advice: 'ls shows why; sweep --remove-unknown-after removes them by age.',
    }
  }
  return { check, status: 'ok', found }
}

function print(stage: Stage, root: string, findings: readonly Finding[], healthy: boolean): void {
  const paint = painter(stage.stdout)
  for (const { check, status, found, advice } of findings) {
    stage.stdout.write(
      `${paint(LOOK[status], status.padEnd(8))}  ${paint('bold', check)}: ${forLog(found)}\n`,
    )
    if (advice !== undefined) stage.stdout.write(`${' '.repeat(10)}${advice}\n`)
  }
  const verdict = healthy ? paint('green', 'ready for use') : paint('yellow', 'see above')
  stage.stdout.write(`${paint('bold', root)}: ${verdict}\n`)
}
