// Tests that Windows cannot pass, as test/windows/files.json lists them: a reason, then for each file a part of the test's
// name. Used by the runner under Wine, and by vitest on Windows itself.

import listed from './files.json' with { type: 'json' }

/** Why a test is skipped on Windows; undefined: it runs. `path` is the test file's, with any separators. */
export function whySkipped(path: string, name: string): string | undefined {
  const file = path.replaceAll('\\', '/').replace(/\.mjs$/, '.ts')
  for (const [reason, tests] of Object.entries<Record<string, readonly string[]>>(listed.skip)) {
    for (const [of, parts] of Object.entries(tests))
      if (file.endsWith(of) && parts.some((part) => name.includes(part))) return reason
  }
  return undefined
}
