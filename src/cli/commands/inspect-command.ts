// `inspect TICKET`: one handoff, without claiming it.

import type { HandoffInfo } from '../../index.ts'
import { forLog } from '../../input/names.ts'
import { managerOf, type Stage, type Values, writeJson } from '../command.ts'
import { STATUS } from '../exit-status.ts'
import { count, duration, painter, size } from '../terminal.ts'
import { claimantOf, isExpired } from './ls-command.ts'

export async function inspect(
  stage: Stage,
  values: Values,
  [ticket = '']: readonly string[],
): Promise<number> {
  const info = await managerOf(stage, values).inspect(ticket)
  if (values['json'] === true) {
    writeJson(stage, info)
    return STATUS.done
  }
  const { publishedAtMs } = info
  const lines: readonly (readonly [string, string])[] = [
    ['ticket', info.ticket],
    ['state', stateOf(info)],
    ['name', info.name ?? '-'],
    ['kind', info.kind ?? '-'],
    ['size', `${size(info.bytes)} in ${count(info.files, 'file')}`],
    [
      'attempts',
      info.maxAttempts === undefined ? String(info.attempts) : `${info.attempts} of ${info.maxAttempts}`,
    ],
    ['last error', info.lastError ?? '-'],
    ['published', publishedAtMs ? new Date(publishedAtMs).toISOString() : '-'],
    ['age', duration(info.ageMs)],
    ['expires in', isExpired(info) ? 'now' : duration(info.expiresInMs)],
    ['claimed by', claimantOf(info)],
    ['meta', info.meta === undefined ? '-' : JSON.stringify(info.meta)],
  ]
  const paint = painter(stage.stdout)
  for (const [label, value] of lines) {
    stage.stdout.write(`${paint('dim', label.padEnd(11))}${forLog(value)}\n`)
  }
  return STATUS.done
}

function stateOf(info: HandoffInfo): string {
  if (info.state === 'corrupt') return `corrupt: ${info.problem ?? ''}`
  return isExpired(info) ? 'expired' : info.state
}
