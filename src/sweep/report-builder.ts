// Collects a report while a sweep runs. Guarantee: an entry of which something is left on disk is reported as kept.

import { errnoOf } from '../errors.ts'
import { forLog } from '../input/names.ts'
import { isUploadId } from '../layout.ts'
import type { Removal } from '../removal/remove-session.ts'
import type { SweepItem, SweepReport } from './report.ts'
import type { Finding } from './sweep-finding.ts'

/** Kinds of entries that are not sessions. */
const OTHER_KINDS = new Set<SweepItem['kind']>(['handoff', 'upload', 'draft', 'kept'])

export class ReportBuilder {
  readonly #startedAt = performance.now()
  readonly #items: SweepItem[] = []
  readonly #givenBack: string[] = []
  readonly #expired: Record<'handoff' | 'upload', string[]> = { handoff: [], upload: [] }
  readonly #errors: { name: string; message: string }[] = []
  #files = 0
  #bytes = 0

  /** Adds an entry of the root. `removal`: what its deletion did; an entry that could not be removed whole is kept. */
  add(name: string, { kind, action, reason, expired }: Finding, removal?: Removal): void {
    const { files = 0, bytes = 0 } = removal?.removed ?? {}
    const left = removal && reasonLeft(removal)
    this.#items.push(
      left === undefined
        ? { name, kind, action, reason, files, bytes }
        : {
            name,
            kind,
            action: 'kept',
            reason: `${reason}; not all of it could be removed: ${left}`,
            files,
            bytes,
          },
    )
    this.#files += files
    this.#bytes += bytes
    if (expired !== undefined && (kind === 'handoff' || kind === 'upload')) this.#expired[kind].push(expired)
    if (removal === undefined) return
    this.#givenBack.push(...removal.claims.returned.filter((id) => !isUploadId(id)))
    for (const { name: claim, why } of removal.claims.stuck) this.error(`claims/${forLog(claim)}`, why)
    for (const { reason: why } of removal.removed.kept) this.error(name, `kept: ${why}`)
    for (const { error } of removal.removed.errors) this.error(name, error)
  }

  /** Adds a failure. `name` must have been sanitised. */
  error(name: string, error: unknown): void {
    this.#errors.push({ name, message: forLog(errnoOf(error) ?? String(error)) })
  }

  /** Files removed so far. */
  get files(): number {
    return this.#files
  }

  /** Bytes removed so far. */
  get bytes(): number {
    return this.#bytes
  }

  build(rest: Pick<SweepReport, 'dryRun' | 'finished' | 'handoffs'>): SweepReport {
    const isRemoved = ({ kind, action }: SweepItem): boolean => action === 'removed' && !OTHER_KINDS.has(kind)
    return {
      ...rest,
      items: this.#items,
      files: this.#files,
      bytes: this.#bytes,
      sessionsRemoved: this.#items.filter(isRemoved).length,
      claimsGivenBack: this.#givenBack,
      handoffsExpired: this.#expired.handoff,
      uploadsExpired: this.#expired.upload,
      errors: this.#errors,
      durationMs: performance.now() - this.#startedAt,
    }
  }
}

/** The reason why a condemned entry still exists, which the next sweep tries again; undefined if all of it was removed. */
function reasonLeft({ claims, removed }: Removal): string | undefined {
  const [kept] = removed.kept
  if (kept !== undefined) return kept.reason
  const [failed] = removed.errors
  if (failed !== undefined) return errnoOf(failed.error) ?? String(failed.error)
  return claims.stuck[0] === undefined ? undefined : 'a claim could not be given back'
}
