import { execFileSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { haveCeph, needsCeph } from '../fixtures/ceph.ts'
import { cleanUpAfterEach, ownDirectory, run } from './programs.ts'

/** Network namespaces need root, and a container may forbid them to root too. */
const haveNamespaces = ((): boolean => {
  try {
    execFileSync('unshare', ['--net', 'ip', 'link', 'add', 'probe', 'type', 'bridge'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()

const why = haveCeph && !haveNamespaces ? ' (skipped: network namespaces cannot be made here)' : needsCeph

cleanUpAfterEach()

it.skipIf(!haveCeph || !haveNamespaces)(
  `the example across hosts completes every clip once, through a killed worker, a cable that is cut in each step, and a restarted gateway${why}`,
  async () => {
    const { status, output } = await run('across-hosts/main.ts', await ownDirectory(), {
      CLIPS: '10',
      KILLS: '1',
      CUTS: '6',
      RESTARTS: '1',
    })
    expect(output).toContain('no object is left after the sweep')
    expect([status, output.match(/NOT SO.*/g)]).toEqual([0, null])
  },
  240_000,
)
