// `retry TICKET` and `discard TICKET`: what an operator does with a dead letter.

import { managerOf, type Stage, type Values, writeJson } from '../command.ts'
import { STATUS } from '../exit-status.ts'

/** Makes a dead letter claimable again. */
export async function retry(stage: Stage, values: Values, [ticket = '']: readonly string[]): Promise<number> {
  await using manager = managerOf(stage, values)
  await manager.retry(ticket)
  return report(stage, values, { ticket, done: 'retried' })
}

/** Deletes a handoff, a dead letter or not. */
export async function discard(
  stage: Stage,
  values: Values,
  [ticket = '']: readonly string[],
): Promise<number> {
  await using manager = managerOf(stage, values)
  await manager.discard(ticket)
  return report(stage, values, { ticket, done: 'discarded' })
}

function report(stage: Stage, values: Values, result: { ticket: string; done: string }): number {
  if (values['json'] === true) writeJson(stage, result)
  else stage.stdout.write(`${result.done}: ${result.ticket}\n`)
  return STATUS.done
}
