// The contract's order, seen from outside: which fsync and which rename reach the kernel, and when.

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { runChild } from '../fixtures/child.ts'
import { resolveDescriptor } from '../fixtures/descriptor-path.ts'
import { tempBase } from '../fixtures/temp-base.ts'

const hasStrace = spawnSync('strace', ['-V']).status === 0

/** `sync <path>` and `rename <from> <to>`, in the order in which they were answered, between two marks. */
function callsBetween(trace: string, from: string, to: string): string[] {
  const paths = new Map<number, string>()
  const calls: string[] = []
  let within = false
  // A call that another thread interrupted is in two lines, which are joined where it ends.
  const started = new Map<string, string>()
  for (const line of trace.split('\n')) {
    const [, thread = '', rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? []
    let call = rest
    const unfinished = /^(.*) <unfinished \.\.\.>$/.exec(rest)
    if (unfinished !== null) {
      started.set(thread, unfinished[1] ?? '')
      continue
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest)
    if (resumed !== null) call = `${started.get(thread) ?? ''}${resumed[1]}`
    if (call.includes(`/MARK-${from}"`)) within = true
    if (call.includes(`/MARK-${to}"`)) within = false
    const opened = /^openat\(AT_FDCWD, "([^"]*)".*= (\d+)$/.exec(call)
    if (opened !== null) paths.set(Number(opened[2]), resolveDescriptor(opened[1] ?? '', paths))
    if (!within) continue
    const synced = /^fsync\((\d+)\) += 0/.exec(call)
    if (synced !== null) calls.push(`sync ${paths.get(Number(synced[1]))}`)
    const renamed = /^rename\("([^"]*)", "([^"]*)"\) += 0/.exec(call)
    if (renamed !== null)
      calls.push(
        `rename ${resolveDescriptor(renamed[1] ?? '', paths)} ${resolveDescriptor(renamed[2] ?? '', paths)}`,
      )
  }
  return calls
}

it.skipIf(!hasStrace)(
  'everything is synced bottom-up, renamed, and the new name synced, before handOff() returns the ticket',
  async () => {
    const baseDir = tempBase()
    const trace = join(baseDir, 'trace')
    const end = await runChild('handoff-durable.ts', {
      args: [join(baseDir, 'base')],
      under: ['strace', '-f', '-s', '4096', '-o', trace, '-e', 'trace=fsync,rename,openat'],
    })
    expect(end.code, end.stderr).toBe(0)
    const text = readFileSync(trace, 'utf8')

    const calls = callsBetween(text, 'publish', 'published')
    const moved = calls.findIndex((call) => /^rename .*\/clip .*\/\.pub-[^/]*\/data\/clip$/.test(call))
    const commit = calls.findIndex((call) => /^rename .*\/\.pub-[^/]* .*\/handoffs\/[^/]*$/.test(call))
    expect([moved, commit > moved], calls.join('\n')).toEqual([0, true])
    const synced = calls.slice(moved + 1, commit).map((call) => call.slice('sync '.length))
    const draft = dirname(dirname((calls[moved] ?? '').split(' ')[2] ?? ''))
    const tree = [
      'attempt-0',
      'data',
      'data/clip',
      'data/clip/frames',
      'data/clip/frames/1.png',
      'data/clip/frames/raw',
      'data/clip/frames/raw/1.dng',
      'data/clip/sound.wav',
      'handoff.json',
    ].map((path) => join(draft, path))
    expect([...synced].sort()).toEqual([draft, ...tree].sort())
    // Bottom-up: nothing below a directory is synced after it; the handoff's own directory is the last.
    for (const [at, path] of synced.entries())
      for (const later of synced.slice(at + 1))
        expect(later.startsWith(`${path}/`), `${later} after ${path}`).toBe(false)
    expect(synced.at(-1)).toBe(draft)
    // Once a session the root's own name too, and the names in it.
    const root = join(draft, '..', '..', '..')
    const names = [root, dirname(root), join(root, 'handoffs')]
    expect(calls.slice(commit + 1)).toEqual(names.map((path) => `sync ${path}`))

    const completion = callsBetween(text, 'complete', 'completed')
    expect(completion[0]).toMatch(/^rename .*\/claims\/[^/]* .*\/\.gone-[^/]*$/)
    const session = dirname(completion[0]?.split(' ')[2] ?? '')
    expect(completion.slice(1)).toEqual([`sync ${session}`])
  },
)
