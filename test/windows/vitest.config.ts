// npm run test:native: the files that test/windows/files.json does not leave out with vitest, on the system that runs it.

import { defineConfig } from 'vitest/config'
import suite from '../../vitest.config.ts'
import listed from './files.json' with { type: 'json' }

export default defineConfig({
  ...suite,
  test: {
    ...suite.test,
    projects: [],
    include: ['test/**/*.test.ts'],
    exclude: Object.values(listed.leftOut)
      .flat()
      .map((path) => (path.endsWith('/') ? `${path}**` : path)),
    globalSetup: ['test/child-modules.ts', 'test/built-package.ts', 'test/leak-check.ts'],
    setupFiles: ['test/windows/setup.ts'],
  },
})
