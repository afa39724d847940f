import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Folders whose tests wait for real processes: begun first, they are over when the quick ones are. */
const LONG = /\/test\/(crash|examples|faults|integration)\//

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const long = (file: TestSpecification): boolean => LONG.test(file.moduleId)
    return [...sorted.filter(long), ...sorted.filter((file) => !long(file))]
  }
}

/** What `npm run test:quick` runs: the rooms below the manager, without whole programs, servers and disk images. */
const QUICK = [
  'claimable',
  'file-types',
  'handoff',
  'input',
  'liveness',
  'removal',
  'runtime',
  'streams',
  'sweep',
  'temps',
].map((name) => `test/${name}/**/*.test.ts`)
/** Of these, the files that wait for child processes or clocks, and those whose process must be their own. */
const NOT_QUICK = [
  'handoff/clock-changes',
  'liveness/lease',
  'sweep/ended-threads',
  'sweep/shared-volume',
  'sweep/maintenance',
  'temps/hold-for',
].map((name) => `test/${name}.test.ts`)
const quick = process.env['QUICK'] !== undefined

/**
 * Whole programs, each of which takes 10 seconds or more: `npm run test:long` runs them and `npm test` does not, unless the
 * command line names files.
 */
const PROGRAMS = [
  'crash/blocked-owner',
  'crash/handoff-kill',
  'crash/kill-during',
  'examples/across-hosts',
  'examples/bullmq',
  'examples/demo',
  'examples/page',
  'examples/uploads',
  'examples/worker-threads',
].map((name) => `test/${name}.test.ts`)
const long = process.env['LONG'] !== undefined
const named = process.argv.some((word) => word.includes('test/'))

export default defineConfig({
  test: {
    include: long ? PROGRAMS : quick ? [...QUICK, 'test/*.test.ts'] : ['test/**/*.test.ts'],
    exclude: [
      'test/fixtures/**',
      '**/node_modules/**',
      ...(quick ? NOT_QUICK : []),
      ...(long || named ? [] : PROGRAMS),
    ],
    coverage: { include: ['src/**'], reporter: ['text-summary', 'html'] },
    // The built package, for the tests that load it; the end of the gateway that an S3 test starts; a temp directory that
    // must end empty.
    globalSetup: ['test/built-package.ts', 'test/ceph-gateway.ts', 'test/leak-check.ts'],
    // In `quick` one import of the source serves all test files of a worker.
    pool: 'forks',
    isolate: !quick,
    sequence: { sequencer: LongestFirst },
    // Much of the suite waits for child processes and for the disk, so a third worker keeps two cores busy.
    maxWorkers: 3,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
