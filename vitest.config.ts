import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
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

/** The rooms below the manager: their test files share processes, so that one import of the source serves many. */
const ROOMS = [
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
]
/** Of these, the files that wait for child processes or clocks, and those whose process must be their own. */
const ALONE = [
  'handoff/clock-changes',
  'liveness/lease',
  'sweep/ended-threads',
  'sweep/shared-volume',
  'sweep/maintenance',
  'temps/hold-for',
].map((name) => `test/${name}.test.ts`)
/** `npm run test:quick` runs the rooms only. */
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
  'examples/servers',
  'examples/uploads',
  'examples/worker-threads',
  'faults/kill',
].map((name) => `test/${name}.test.ts`)
const long = process.env['LONG'] !== undefined
const named = process.argv.some((word) => word.includes('test/'))

const ignored = ['test/fixtures/**', '**/node_modules/**']
/** Everything else: other folders, and what needs a process of its own. */
const others = readdirSync(fileURLToPath(new URL('test', import.meta.url)), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !ROOMS.includes(entry.name))
  .map(({ name }) => `test/${name}/**/*.test.ts`)

export default defineConfig({
  test: {
    coverage: { include: ['src/**'], reporter: ['text-summary', 'html'] },
    sequence: { sequencer: LongestFirst },
    // Much of the suite waits for child processes and for the disk, so a third worker keeps two cores busy.
    maxWorkers: 3,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'rooms',
          include: long ? [] : ['test/*.test.ts', ...ROOMS.map((name) => `test/${name}/**/*.test.ts`)],
          exclude: [...ignored, ...ALONE],
          pool: 'forks',
          isolate: false,
          globalSetup: ['test/child-modules.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'whole',
          include: long ? PROGRAMS : quick ? [] : [...others, ...ALONE],
          exclude: [...ignored, ...(long || named ? [] : PROGRAMS)],
          pool: 'forks',
          // The programs that tests start; the built package, for the tests that load it; the end of the gateway that an S3 test starts; a temp directory
          // that must end empty.
          globalSetup: [
            'test/child-modules.ts',
            'test/built-package.ts',
            'test/ceph-gateway.ts',
            'test/leak-check.ts',
          ],
        },
      },
    ],
  },
})
