import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

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
/** The rooms above them, whose test files share processes too. */
const OUTER_ROOMS = [
  'attacks',
  'cli',
  'disk',
  'express',
  'fastify',
  'http',
  'integration',
  'platform',
  'property',
  'resumable',
  's3',
  'session',
  'tus',
  'uploads',
]
/** Of all these, the files that wait for child processes or clocks, and those whose process must be their own. */
const ALONE = [
  'cli/progress-bar',
  'handoff/clock-changes',
  'integration/built',
  'integration/exit',
  'integration/handoff-races',
  'integration/permission-model',
  'integration/torture',
  'liveness/lease',
  'resumable/upload-kill',
  'session/exit-hook',
  'sweep/ended-threads',
  'sweep/shared-volume',
  'sweep/maintenance',
  'temps/hold-for',
  'tus/finish-kill',
  'tus/request-memory',
  'uploads/claim-upload',
].map((name) => `test/${name}.test.ts`)
/** `npm run test:quick` runs the rooms only. */
const quick = process.env['QUICK'] !== undefined

/**
 * Whole programs, kills and races, each of which takes 10 seconds or more: `npm run test:long` runs them and `npm test` does
 * not, unless the command line names files.
 */
const PROGRAMS = [
  'crash/blocked-owner',
  'crash/handoff-kill',
  'crash/kill-during',
  'docs/documents',
  'examples/across-hosts',
  'examples/bullmq',
  'examples/demo',
  'examples/page',
  'examples/servers',
  'examples/uploads',
  'examples/worker-threads',
  'faults/kill',
  'integration/torture',
  's3/cuts',
  's3/two-endings',
  'tus/finish-kill',
].map((name) => `test/${name}.test.ts`)
const long = process.env['LONG'] !== undefined
const named = process.argv.slice(2).some((word) => word.includes('test/'))

function testsOf(room: string): string {
  return `test/${room}/**/*.test.ts`
}

const ignored = ['test/fixtures/**', '**/node_modules/**']
/** Everything else: other folders, and what needs a process of its own. */
const others = readdirSync(fileURLToPath(new URL('test', import.meta.url)), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && ![...ROOMS, ...OUTER_ROOMS].includes(entry.name))
  .map(({ name }) => testsOf(name))

/**
 * The programs that tests start; the built package, for the tests that load it; the end of the gateway that an S3 test
 * starts; a temp directory that must end empty.
 */
const SETUP = ['child-modules', 'built-package', 'ceph-gateway', 'leak-check'].map(
  (name) => `test/${name}.ts`,
)

export default defineConfig({
  test: {
    coverage: { include: ['src/**'], reporter: ['text-summary', 'html'] },
    // Much of the suite waits for child processes and for the disk, so a third worker keeps two cores busy.
    maxWorkers: 3,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // In the order of their names, so what waits for real processes comes first.
    projects: [
      {
        extends: true,
        test: {
          name: 'alone',
          include: long ? PROGRAMS : quick ? [] : [...others, ...ALONE],
          exclude: [...ignored, ...(long || named ? [] : PROGRAMS)],
          pool: 'forks',
          globalSetup: SETUP,
        },
      },
      {
        extends: true,
        test: {
          name: 'rooms',
          include: long ? [] : ['test/*.test.ts', ...ROOMS.map(testsOf)],
          exclude: [...ignored, ...ALONE],
          pool: 'forks',
          isolate: false,
          globalSetup: ['test/child-modules.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'rooms-outer',
          include: long || quick ? [] : OUTER_ROOMS.map(testsOf),
          exclude: [...ignored, ...ALONE, ...(named ? [] : PROGRAMS)],
          pool: 'forks',
          isolate: false,
          globalSetup: SETUP,
        },
      },
    ],
  },
})
