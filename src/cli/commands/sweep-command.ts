// `sweep`, for cron: one sweep under the root's sweep lock, so that two jobs do not do the work twice.

import fs, { existsSync } from 'node:fs'
import type { SweepItem, SweepReport, TempFileManager } from '../../index.ts'
import { forLog } from '../../input/names.ts'
import { layoutOf } from '../../layout.ts'
import { underSweepLock } from '../../sweep/lock.ts'
import { durationOf, invalid, managerOf, type Stage, textOf, type Values, writeJson } from '../command.ts'
import { STATUS } from '../exit-status.ts'
import { type ProgressBar, progressBar } from '../progress-bar.ts'
import { count, painter, type Style, size } from '../terminal.ts'
import { sweepLeftovers } from './sweep-leftovers.ts'

const ACTION: Readonly<Record<SweepItem['action'], Style>> = {
  kept: 'dim',
  removed: 'green',
  'would-remove': 'yellow',
  preserved: 'dim',
  'left-to-others': 'dim',
}

export async function sweep(stage: Stage, values: Values): Promise<number> {
  if (values['prefix'] !== undefined || values['in'] !== undefined) return await sweepLeftovers(stage, values)
  for (const name of ['older-than', 'delete', 'owner', 'ignore-uninspectable'])
    if (values[name] !== undefined) throw invalid(name, `--${name} needs --prefix and --in.`)
  const unknownAge = textOf(values, 'remove-unknown-after')
  const removeUnknownAfter =
    unknownAge === undefined ? undefined : durationOf(unknownAge, '--remove-unknown-after')
  const manager = managerOf(stage, values)
  const report = await run(stage, manager, {
    dryRun: values['dry-run'] === true,
    removeUnknownAfter,
    kept: values['kept'] === true,
    bar: values['json'] === true ? undefined : await progressBar(stage.stderr, () => filesOfDead(manager)),
  })
  if (values['json'] === true) writeJson(stage, report ?? { skipped: 'another sweep is at work' })
  else if (report === undefined)
    stage.stderr.write('Another sweep is at work on this root; it does the work of this one.\n')
  else print(stage, manager.root, report)
  if (stage.signal.aborted) return STATUS.interrupted
  return report === undefined || report.errors.length === 0 ? STATUS.done : STATUS.attention
}

/** How many files a sweep will remove, so far as it is known before. */
async function filesOfDead(manager: TempFileManager): Promise<number> {
  const { sessions } = await manager.usage()
  return sessions
    .filter(({ verdict, state }) => verdict === 'dead' || state === 'condemned')
    .reduce((sum, { files }) => sum + files, 0)
}

interface Work {
  readonly dryRun: boolean
  readonly removeUnknownAfter: number | undefined
  readonly kept: boolean
  readonly bar: ProgressBar | undefined
}

/** Undefined when another sweep holds the lock. */
async function run(
  stage: Stage,
  manager: TempFileManager,
  { dryRun, removeUnknownAfter, kept, bar }: Work,
): Promise<SweepReport | undefined> {
  const work = (): Promise<SweepReport> =>
    manager.sweep({
      dryRun,
      removeUnknownAfter,
      kept,
      signal: stage.signal,
      onProgress: (progress) => bar?.update(progress),
    })
  try {
    // Nothing to lock: nothing is done twice.
    if (dryRun || !existsSync(manager.root)) return await work()
    return await underSweepLock({ fs, native: true, layout: layoutOf(manager.root) }, work)
  } finally {
    bar?.stop()
  }
}

function print(stage: Stage, root: string, report: SweepReport): void {
  const paint = painter(stage.stdout)
  for (const { action, name, reason, files, bytes } of report.items) {
    const freed = files === 0 ? '' : `, ${count(files, 'file')}, ${size(bytes)}`
    stage.stdout.write(
      `${paint(ACTION[action], action.padEnd(14))}  ${forLog(name)}: ${forLog(reason)}${freed}\n`,
    )
  }
  for (const ticket of report.claimsGivenBack)
    stage.stdout.write(
      `${paint('green', 'given back'.padEnd(14))}  handoffs/${ticket}: its claimant is dead\n`,
    )
  for (const { name, message } of report.errors)
    stage.stderr.write(`${painter(stage.stderr)('red', 'failed')}: ${forLog(name)}: ${forLog(message)}\n`)
  const would = report.items.filter((entry) => entry.action === 'would-remove').length
  const kept = report.items.filter((entry) => entry.action === 'kept').length
  const done = report.dryRun
    ? `would remove ${count(would, 'entry', 'entries')}`
    : `removed ${count(report.files, 'file')}, ${size(report.bytes)}`
  const rest = report.finished ? '' : '; stopped early, the next sweep continues'
  stage.stdout.write(`${paint('bold', root)}: ${done}, kept ${count(kept, 'entry', 'entries')}${rest}\n`)
}
