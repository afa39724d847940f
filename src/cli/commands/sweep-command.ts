// `sweep`, for cron: one sweep under the root's sweep lock, so that two jobs do not do the work twice.

import { existsSync } from 'node:fs'
import type { SweepItem, SweepReport, TempFileManager } from '../../index.ts'
import { forLog } from '../../input/names.ts'
import { layoutOf } from '../../layout.ts'
import { underSweepLock } from '../../sweep/lock.ts'
import { type CommonOptions, managerOf, type Stage, writeJson } from '../command.ts'
import { STATUS } from '../exit-status.ts'
import { progressBar } from '../progress-bar.ts'
import { count, painter, type Style, size } from '../terminal.ts'

export interface SweepCommandOptions extends CommonOptions {
  readonly dryRun?: boolean | undefined
  readonly removeUnknownAfter?: string | undefined
}

const ACTION: Readonly<Record<SweepItem['action'], Style>> = {
  kept: 'dim',
  removed: 'green',
  'would-remove': 'yellow',
  spared: 'dim',
  'left-to-others': 'dim',
}

export async function sweep(stage: Stage, options: SweepCommandOptions): Promise<number> {
  const manager = managerOf(options)
  const report = await run(stage, manager, options)
  if (options.json === true) writeJson(stage, report ?? { skipped: 'another sweep is at work' })
  else if (report === undefined)
    stage.stderr.write('Another sweep is at work on this root; left it to that.\n')
  else tell(stage, manager.root, report)
  if (stage.signal.aborted) return STATUS.interrupted
  return report === undefined || report.errors.length === 0 ? STATUS.done : STATUS.attention
}

/** Undefined when another one holds the lock. */
async function run(
  stage: Stage,
  manager: TempFileManager,
  { dryRun = false, removeUnknownAfter, json }: SweepCommandOptions,
): Promise<SweepReport | undefined> {
  const bar = json === true ? undefined : await progressBar(stage.stderr)
  const work = (): Promise<SweepReport> =>
    manager.sweep({
      dryRun,
      removeUnknownAfter,
      signal: stage.signal,
      onProgress: (progress) => bar?.update(progress),
    })
  try {
    // Nothing to lock, and nothing to be done twice.
    if (dryRun || !existsSync(manager.root)) return await work()
    return await underSweepLock({ layout: layoutOf(manager.root) }, work)
  } finally {
    bar?.stop()
  }
}

function tell(stage: Stage, root: string, report: SweepReport): void {
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
  const rest = report.finished ? '' : '; stopped early, the next sweep goes on'
  stage.stdout.write(`${paint('bold', root)}: ${done}, kept ${count(kept, 'entry', 'entries')}${rest}\n`)
}
