// npm run test:native: with vitest, on the system that runs it, the files that test/windows/files.json does not leave out.

import { defineConfig } from 'vitest/config'
import listed from './files.json' with { type: 'json' }

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    include: ['test/**/*.test.ts'],
    exclude: Object.values(listed.leftOut)
      .flat()
      .map((path) => (path.endsWith('/') ? `${path}**` : path)),
    globalSetup: ['test/child-modules.ts', 'test/built-package.ts', 'test/leak-check.ts'],
    setupFiles: ['test/windows/setup.ts'],
  },
})
