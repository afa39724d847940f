import { readFile, writeFile } from 'node:fs/promises'
import { defineConfig, type Options } from 'tsup'

// One build of every entry in both formats. `splitting` keeps one copy of each class per format, so an
// error made by temp-file-manager/http is an instance of the core's class. `bytes` is inlined: the core
// loads nothing but `debug` at import.
//
// With `splitting`, tsup turns `import('x')` into require('x') in the CommonJS build, which is right for CommonJS
// packages (Jest has no import()). file-type is ESM only, so a consumer's bundler could not resolve that (Node
// 20.19's require(esm) can); its import() is restored.
const REQUIRED =
  /Promise\.resolve\(\)\.then\(\(\) => _interopRequireWildcard\(require\((["']file-type["'])\)\)\)/g

// The transform to CommonJS takes an assignment to a private field for one to an export of the same name: it makes
// `this.#open = exports.open = value` of `this.#open = value`, which destroys the export.
const ASSIGNED = /(#(\w+) = )exports\.\2 = /g

// An ES module's import of a builtin reads each of its exports. For node:fs that loads node:stream, and for all of them
// together it takes longer than the first file, so the ESM build gets them without an import.
const BUILTIN = /^import (?:(\w+),? )?(?:\{([^}]*)\} )?(?:from )?"(node:[\w/]+)";$/gm

function withoutImport(
  _: string,
  all: string | undefined,
  names: string | undefined,
  module: string,
): string {
  const builtin = `process.getBuiltinModule("${module}")`
  return [
    all && `const ${all} = ${builtin};`,
    names && `const {${names.replaceAll(' as ', ': ')}} = ${all ?? builtin};`,
  ]
    .filter(Boolean)
    .join(' ')
}

/** Also of the tests' build (test/fixtures/built.ts). */
export const plugins: NonNullable<Options['plugins']> = [
  {
    name: 'builtins-without-import',
    async buildEnd({ writtenFiles }) {
      for (const { name } of writtenFiles.filter((file) => file.name.endsWith('.js')))
        await writeFile(name, (await readFile(name, 'utf8')).replace(BUILTIN, withoutImport))
    },
  },
  {
    name: 'repair-common-js',
    async buildEnd({ writtenFiles }) {
      for (const { name } of writtenFiles.filter((file) => file.name.endsWith('.cjs'))) {
        await writeFile(
          name,
          (await readFile(name, 'utf8')).replace(REQUIRED, 'import($1)').replace(ASSIGNED, '$1'),
        )
      }
    },
  },
]

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    'http/index': 'src/http/index.ts',
    'express/index': 'src/express/index.ts',
    'fastify/index': 'src/fastify/index.ts',
    's3/index': 'src/s3/index.ts',
    'resumable/index': 'src/resumable/index.ts',
    'tus/index': 'src/tus/index.ts',
    'vitest/index': 'src/vitest/index.ts',
    'node-test/index': 'src/node-test/index.ts',
    'cli/main': 'src/cli/main.ts',
  },
  format: ['esm', 'cjs'],
  target: 'node20',
  platform: 'node',
  splitting: true,
  // A bundler or test runner that inlines the package must see a builtin of Node as one.
  removeNodeProtocol: false,
  shims: true,
  clean: true,
  sourcemap: false,
  treeshake: false,
  noExternal: ['bytes', 'ms'],
  plugins,
  dts: {
    entry: {
      index: 'src/index.ts',
      'http/index': 'src/http/index.ts',
      'express/index': 'src/express/index.ts',
      'fastify/index': 'src/fastify/index.ts',
      's3/index': 'src/s3/index.ts',
      'resumable/index': 'src/resumable/index.ts',
      'tus/index': 'src/tus/index.ts',
      'vitest/index': 'src/vitest/index.ts',
      'node-test/index': 'src/node-test/index.ts',
    },
    banner: '/// <reference types="node" />',
  },
})
