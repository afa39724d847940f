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

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/fixtures/**', '**/node_modules/**'],
    // The package as built, for the tests that use it so; the end of the gateway that an S3 test starts; a temp directory
    // that must end empty.
    globalSetup: ['test/built-package.ts', 'test/ceph-gateway.ts', 'test/leak-check.ts'],
    pool: 'forks',
    sequence: { sequencer: LongestFirst },
    // Much of the suite waits for child processes and for the disk, so a third worker keeps two cores busy.
    maxWorkers: 3,
    // Real processes on a shared machine: CI gives a test a second chance, and names it when it took one.
    retry: process.env['CI'] === undefined ? 0 : 1,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
