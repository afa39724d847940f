// What Node loads for `import`: for each entry of the library a small ES module that requires the CommonJS file of the same
// name. Guarantee: the names of the ES module that bundlers take, and one copy of the library in a program that both imports
// and requires it.
//
// CommonJS loads half of the core only when it is used, which an ES module cannot do: a short program took 28.6 ms over bare
// Node with this in place of 35.3 with ES modules. `import entry from './index.cjs'` takes 3.4 of them back, because Node then
// looks for names in that file.

import { writeFile } from 'node:fs/promises'
import { basename, dirname, join, posix } from 'node:path'

/** An entry of the package. */
export interface Entry {
  /** Such as `http/index`. */
  readonly name: string
  readonly exports: readonly string[]
  /** Files and packages. */
  readonly imports: readonly string[]
}

/**
 * Packages that are ES modules only. `require` of one fails while an `import` of it has not ended, and always in Jest, so the
 * ES module imports it and hands it to the CommonJS file.
 */
const ES_ONLY = ['@tus/server']
/** The file in which the two meet. */
const IMPORTED = 'imported.cjs'

/** The code of a CommonJS file: it takes what has been imported, and requires it otherwise. */
export function orImported(code: string, fileName: string): string {
  const meeting = posix.relative(posix.dirname(fileName), IMPORTED)
  return ES_ONLY.reduce(
    (text, name) =>
      text.replace(`require('${name}')`, `require('${meeting}')['${name}'] ?? require('${name}')`),
    code,
  )
}

/** Writes the ES modules into the directory of the CommonJS files; returns their paths. */
export async function wrapEntries(directory: string, entries: readonly Entry[]): Promise<string[]> {
  await writeFile(join(directory, IMPORTED), '// ES modules that were imported, by their names.\n')
  return await Promise.all(
    entries.map(async (entry) => {
      const path = join(directory, `${entry.name}.js`)
      await writeFile(path, [...linesOf(entry), ''].join('\n'))
      return path
    }),
  )
}

function linesOf({ name, exports, imports }: Entry): string[] {
  const given = ES_ONLY.filter((imported) => imports.includes(imported))
  const meeting = posix.relative(dirname(name), IMPORTED)
  return [
    ...given.map((imported, index) => `import * as given${index} from '${imported}';`),
    // In the words that @vercel/nft follows: Next.js copies what it finds into a standalone server.
    "import { createRequire } from 'node:module';",
    'const require = createRequire(import.meta.url);',
    ...given.map((imported, index) => `require('${meeting}')['${imported}'] = given${index};`),
    `const entry = require('./${basename(name)}.cjs');`,
    // One statement a name: es-module-lexer, with which programs are instrumented, finds no names that are destructured.
    ...[...exports]
      .sort()
      .map((exported) =>
        exported === 'default'
          ? 'export default entry.default;'
          : `export const ${exported} = entry.${exported};`,
      ),
  ]
}
