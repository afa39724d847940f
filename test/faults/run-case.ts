// One fault case: an operation whose n-th call fails with one error, once or from then on. Guarantee: returns what
// was broken by it, in words; nothing is left open or on disk.

import { isTempFileError, type TempFileError } from '../../src/errors.ts'
import { newGround, openBelow, pretendOwnersDied, problemsAfter, sweepAll, wholeness } from './aftermath.ts'
import type { Operation } from './preparing.ts'
import { type SeamCall, systemError, watch } from './seam.ts'

export interface Fault {
  readonly at: number
  readonly errno: string
  /** `for good`: every later call of the same name fails too, until the manager has been closed. */
  readonly lasting: boolean
}

export interface CaseResult {
  readonly calls: readonly SeamCall[]
  readonly problems: readonly string[]
}

/** Runs the operation with the fault, or, to count its calls, without one. */
export async function runCase(operation: Operation, fault?: Fault): Promise<CaseResult> {
  const ground = newGround()
  const calls: SeamCall[] = []
  const injected: Error[] = []
  let broken: string | undefined
  let counting = false
  const watcher = {
    before(call: SeamCall): void {
      if (counting) calls.push(call)
      const hit = counting && fault !== undefined && calls.length - 1 === fault.at
      if (hit && fault.lasting) broken = call.name
      if (!hit && broken !== call.name) return
      const error = systemError(fault?.errno ?? 'EIO', call)
      injected.push(error)
      throw error
    },
  }
  const stop = [ground.base, ground.far].map((directory) => watch(directory, watcher))
  const problems: string[] = []
  try {
    const { manager, act, intact } = await operation.prepare(ground)
    counting = true
    const { failed, error } = await outcomeOf(act)
    counting = false
    if (failed) problems.push(...wrongError(error, fault, injected))
    if (!failed && operation.writes === true && calls[fault?.at ?? -1]?.name === 'close')
      problems.push('a close that failed was not reported')
    if (fault === undefined && failed) problems.push(`it failed without a fault: ${String(error)}`)
    const open = openBelow(ground)
    if (open.length > 0) problems.push(`left open: ${open.join(', ')}`)
    if (failed && intact !== undefined && !fault?.lasting) {
      const { existing, problem } = wholeness(intact.path)
      if (existing === 0 || problem !== undefined)
        problems.push(`the live handle lost its data (${problem ?? 'gone'})`)
    }
    const reported = manager.stats().cleanupErrors > 0
    await manager.close()
    broken = undefined
    manager.closeSync() // what exit does with a close that could not finish
    // An operation reported a lost session, so the manager gave it up: the end of its process frees the entry.
    if (fault?.errno === 'ENOENT') pretendOwnersDied(ground)
    await sweepAll(ground)
    problems.push(...((await operation.after?.(ground)) ?? []))
    const lied = fault?.errno === 'ENOENT'
    const lasting = fault?.lasting === true
    const outcome = failed ? 'failed' : 'done'
    problems.push(
      ...problemsAfter(ground, outcome, operation.truth, {
        strays: reported || lied || lasting,
        // The disk was full for the note and stayed so for the removal: the report names what stays.
        copies: lied || (reported && lasting && fault?.errno === 'ENOSPC'),
        lies: lied && lasting,
      }),
    )
  } catch (error) {
    problems.push(`the case broke down: ${error instanceof Error ? error.stack : String(error)}`)
  } finally {
    for (const end of stop) end()
    ground.remove()
  }
  return { calls, problems }
}

async function outcomeOf(act: () => unknown): Promise<{ failed: boolean; error?: unknown }> {
  try {
    await act()
    return { failed: false }
  } catch (error) {
    return { failed: true, error }
  }
}

function wrongError(error: unknown, fault: Fault | undefined, injected: readonly Error[]): string[] {
  if (!isTempFileError(error)) return [`an untyped error: ${error instanceof Error ? error.stack : error}`]
  const codes = ['ERR_TEMP_CLEANUP', fault?.errno === 'ENOSPC' ? 'ERR_TEMP_NO_SPACE' : 'ERR_TEMP_IO']
  if (fault?.errno === 'ENOENT')
    codes.push(
      'ERR_TEMP_REMOVED',
      'ERR_TEMP_HANDOFF_GONE',
      'ERR_TEMP_HANDOFF_CORRUPT',
      'ERR_TEMP_SESSION_LOST',
    )
  const problems: string[] = []
  if (!codes.includes(error.code)) problems.push(`the wrong error: ${error.code}: ${error.message}`)
  if (/\/(?:tmp|dev)\//.test(error.message)) problems.push(`a path in the message: ${error.message}`)
  const lied = fault?.errno === 'ENOENT' // what follows from it may fail otherwise
  if (error.code === 'ERR_TEMP_IO' && !lied && !injected.some((cause) => isCausedBy(error, cause)))
    problems.push(`the cause is not reported: ${error.message}`)
  return problems
}

function isCausedBy(error: TempFileError, cause: Error): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause) if (at === cause) return true
  return false
}
