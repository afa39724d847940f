// Random sequences of all operations by several managers over one root, against a small model of what must be
// there. Guarantee: the disk equals the model after every step; a failure shrinks to the few commands that
// show it. PROPERTY_RUNS sets how many sequences.

import { existsSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { commands } from './commands.ts'
import { MANAGERS, type Model, newManager, type Real } from './model.ts'

const RUNS = Math.ceil(Number(process.env['PROPERTY_RUNS'] ?? 1500) / 25)

test('several managers over one root behave as the model, in any order', async () => {
  let steps = 0
  await fc.assert(
    fc.asyncProperty(fc.commands(commands, { maxCommands: 30, size: 'max' }), async (sequence) => {
      const base = realpathSync(mkdtempSync(join(tmpdir(), 'tfm-test-')))
      const managers = Array.from({ length: MANAGERS }, () => newManager(base))
      const real: Real = { base, managers, steps: 0 }
      const warned = process.listeners('warning')
      process.removeAllListeners('warning') // the model removes sessions, which is reported
      try {
        const model: Model = { entries: [], handoffs: new Map(), claims: [], persisted: new Map(), gone: [] }
        await fc.asyncModelRun(() => ({ model, real }), sequence)
        for (const manager of managers) await manager.close()
        const sessions = join(managers[0]?.root ?? base, 'sessions')
        expect(existsSync(sessions) ? readdirSync(sessions) : []).toEqual([])
      } finally {
        for (const manager of managers) await manager.close()
        for (const listener of warned) process.on('warning', listener)
        rmSync(base, { recursive: true, force: true })
        steps += real.steps
      }
    }),
    { numRuns: RUNS, endOnFailure: false },
  )
  console.log(`model: ${RUNS} sequences, ${steps} steps`)
}, 900_000)
