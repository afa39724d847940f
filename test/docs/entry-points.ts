// The entry points of the package, as package.json exports them, with their sources.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface EntryPoint {
  /** The name that a program imports: 'temp-file-manager/http'. */
  readonly name: string
  /** The source's path, relative to the root: 'src/http/index.ts'. */
  readonly source: string
  /** The path of the built file without its folder dist and its extension: 'http/index'. */
  readonly built: string
}

export function entryPoints(root: string): EntryPoint[] {
  // The project's own package.json; './package.json' is exported as it is.
  const { name, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    name: string
    exports: Record<string, string | { import: { default: string } }>
  }
  return Object.entries(exports).flatMap(([path, target]) => {
    if (typeof target === 'string') return []
    const built = target.import.default.replace(/^\.\/dist\/(.*)\.js$/, '$1')
    return [{ name: `${name}${path.slice(1)}`, source: `src/${built}.ts`, built }]
  })
}
