// The tests that Windows cannot pass, as test/windows/files.json lists them: whole files or folders, and tests, each with
// its reason. Used by the runner under Wine, and by vitest on Windows itself.

import listed from './files.json' with { type: 'json' }

/** The skips of one test file, whose path may have any separators: a part of a test's name, and the reason. */
export function skipsOf(path: string): { part: string; reason: string }[] {
  const file = path.replaceAll('\\', '/').replace(/\.mjs$/, '.ts')
  return Object.entries<Record<string, readonly string[]>>(listed.skip).flatMap(([reason, tests]) =>
    Object.entries(tests)
      .filter(([of]) => file.endsWith(of))
      .flatMap(([, parts]) => parts.map((part) => ({ part, reason }))),
  )
}

/** The reason for skipping a test on Windows; undefined: it runs. */
export function whySkipped(path: string, name: string): string | undefined {
  return skipsOf(path).find(({ part }) => name.includes(part))?.reason
}
