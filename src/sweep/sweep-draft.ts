// A `.new-` entry: a session that was being created, a probe, or a failure on its way to kept/. Guarantee: it is removed when
// its name proves that its maker is dead, or when it is over an hour old by the volume's clock.

import { suspect } from '../liveness/judge.ts'
import { parseSessionName } from '../liveness/session-name.ts'
import { DRAFT_AGE_MS } from '../liveness/volume-clock.ts'
import { condemn } from '../removal/condemn.ts'
import { type Finding, keep, type SweepRun, wouldRemove } from './sweep-finding.ts'

export interface Draft {
  readonly path: string
  readonly id: string
}

/** Decides about a draft. Throws the system's error. */
export async function sweepDraft(run: SweepRun, draft: Draft): Promise<Finding> {
  const reason = (await deathOfMaker(run, draft)) ?? ageOf(run, draft)
  if (reason === undefined) return keep('draft', 'being made')
  if (run.dryRun) return wouldRemove('draft', reason)
  const condemned = { path: condemn(run, draft.path, draft.id) }
  return { kind: 'draft', action: 'removed', reason, condemned }
}

async function deathOfMaker(run: SweepRun, { path, id }: Draft): Promise<string | undefined> {
  if (parseSessionName(id) === undefined) return undefined
  const { verdict, reason } = await suspect(
    run,
    { directory: path, id },
    { mounts: run.mounts, now: run.now },
  )
  return verdict === 'dead' ? reason : undefined
}

function ageOf(run: SweepRun, { path }: Draft): string | undefined {
  const { ctimeMs } = run.fs.lstatSync(path)
  if (run.now === undefined || run.now - ctimeMs <= DRAFT_AGE_MS) return undefined
  return 'a draft over an hour old'
}
