import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { ifLoopTurns, whenLoopTurns } from '../../src/runtime/loop-turn.ts'

/** The module in plain JavaScript: a loader such as tsx keeps resources of its own. */
const MODULE = ts.transpileModule(
  readFileSync(new URL('../../src/runtime/loop-turn.ts', import.meta.url), 'utf8'),
  { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 } },
).outputText

/** Runs a program beside the module's functions; returns what it printed. */
function output(program: string): string {
  const source = `import { writeSync } from 'node:fs'\n${MODULE}\n${program}`
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
    encoding: 'utf8',
  })
  expect(stderr).toBe('')
  expect(status).toBe(0)
  return stdout
}

describe('work for a loop that turns', () => {
  it('work for a loop that turns does not run in a program that ends with its synchronous code', () => {
    expect(
      output(`for (const n of [1, 2, 3]) whenLoopTurns(() => writeSync(1, 'ran ' + n))
              ifLoopTurns(() => writeSync(1, 'ran if'))`),
    ).toBe('')
  })

  it('work for a loop that turns runs in the order given once something keeps the loop alive', () => {
    expect(
      output(`for (const n of [1, 2, 3]) whenLoopTurns(() => writeSync(1, String(n)))
              const timer = setTimeout(() => writeSync(1, ' timer'), 60_000)
              whenLoopTurns(() => clearTimeout(timer))`),
    ).toBe('123')
  })

  it('work for a loop that turns runs before an idle server has its first event', () => {
    expect(
      output(`const { createServer } = await import('node:net')
              const server = createServer().listen(0)
              await new Promise((resolve) => server.once('listening', resolve))
              whenLoopTurns(() => { writeSync(1, 'ran'); server.close() })`),
    ).toBe('ran')
  })

  it('work for a loop that turns does not run after it was cancelled', async () => {
    const ran: string[] = []
    const cancel = [whenLoopTurns(() => ran.push('when')), ifLoopTurns(() => ran.push('if'))]
    whenLoopTurns(() => ran.push('kept'))
    for (const stop of cancel) stop()
    await new Promise<void>((resolve) => whenLoopTurns(resolve))
    await turn()
    expect(ran).toEqual(['kept'])
  })

  it('work for a loop that turns shows no resource after the last of it was cancelled', () => {
    const before = process.getActiveResourcesInfo().length
    whenLoopTurns(() => {})()
    expect(process.getActiveResourcesInfo().length).toBe(before)
  })
})
