import { rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { type GetModuleInfo, type Plugin, rollup } from 'rollup'
import { defineConfig, type Format, type Options } from 'tsup'

// One build of every entry in both formats. `splitting` keeps one copy of each class per format, so an
// error made by temp-file-manager/http is an instance of the core's class. `bytes` is inlined: the core
// loads nothing but `debug` at import.
//
// esbuild's chunks are joined again by rollup:
// - What the core loads at import is one file: each further one takes a short program 0.3 ms.
// - tsup's own conversion to CommonJS, sucrase, writes each `?.` and `??` as a call with closures.
//
// import('x') becomes require('x') in CommonJS, which is right for CommonJS packages (Jest has no import()). file-type is
// ESM only, so a consumer's bundler could not resolve that (Node 20.19's require(esm) can); its import() stays.
const REQUIRED = /Promise\.resolve\(\)\.then\(function \(\) \{ return \S*?\(require\(('file-type')\)\); \}\)/g

// An ES module's import of a builtin reads each of its exports. For node:fs that loads node:stream, and for all of them
// together it takes longer than the first file, so the ESM build gets them without an import.
const BUILTIN = /^import (?:(\w+),? )?(?:\{([^}]*)\} )?(?:from )?'(node:[\w/]+)';$/gm

function withoutImport(
  _: string,
  all: string | undefined,
  names: string | undefined,
  module: string,
): string {
  const builtin = `process.getBuiltinModule('${module}')`
  return [
    all && `const ${all} = ${builtin};`,
    names && `const {${names.replaceAll(' as ', ': ')}} = ${all ?? builtin};`,
  ]
    .filter(Boolean)
    .join(' ')
}

/** A module as esbuild made it. */
interface Made {
  readonly code: string
  readonly isEntry: boolean
}

async function rejoin(made: ReadonlyMap<string, Made>, directory: string, format: Format): Promise<string[]> {
  const extension = format === 'cjs' ? 'cjs' : 'js'
  const nameOf = (path: string): string => path.slice(directory.length + 1, -extension.length - 1)
  const index = join(directory, `index.${extension}`)
  const memory: Plugin = {
    name: 'memory',
    resolveId(id, importer) {
      const path = importer === undefined ? id : resolve(dirname(importer), id)
      return made.has(path) ? path : { id, external: true }
    },
    load: (path) => made.get(path)?.code,
  }
  const bundle = await rollup({
    input: Object.fromEntries(
      [...made].filter(([, { isEntry }]) => isEntry).map(([path]) => [nameOf(path), path]),
    ),
    treeshake: false, // esbuild has done that
    plugins: [memory],
  })
  const { output } = await bundle.generate({
    format: format === 'cjs' ? 'cjs' : 'es',
    entryFileNames: `[name].${extension}`,
    chunkFileNames: `chunk-[hash].${extension}`,
    hashCharacters: 'base36',
    manualChunks: (id, { getModuleInfo }) =>
      id !== index && loadedBy(index, getModuleInfo).has(id) ? 'core' : undefined,
    exports: 'named',
    interop: (id) => (id === null || made.has(id) ? 'esModule' : 'default'),
    dynamicImportInCjs: false,
    externalLiveBindings: false,
    hoistTransitiveImports: false,
    esModule: true,
    freeze: false,
    generatedCode: { constBindings: true },
  })
  await bundle.close()
  return await Promise.all(
    output.map(async (chunk) => {
      const path = join(directory, chunk.fileName)
      const code = chunk.type === 'chunk' ? chunk.code : ''
      await writeFile(
        path,
        format === 'cjs' ? code.replace(REQUIRED, 'import($1)') : code.replace(BUILTIN, withoutImport),
      )
      return path
    }),
  )
}

/** The modules that an entry imports, directly or not. */
function loadedBy(entry: string, infoOf: GetModuleInfo): ReadonlySet<string> {
  const found = new Set([entry])
  for (const id of found) for (const imported of infoOf(id)?.importedIds ?? []) found.add(imported)
  return found
}

/** Also of the tests' build (test/fixtures/built.ts). */
export function plugins(): NonNullable<Options['plugins']> {
  const made = new Map<string, Made>()
  return [
    {
      name: 'rejoin',
      renderChunk(code, { path, entryPoint }) {
        if (/\.c?js$/.test(path)) made.set(resolve(path), { code, isEntry: entryPoint !== undefined })
      },
      async buildEnd({ writtenFiles }) {
        const paths = writtenFiles.map(({ name }) => resolve(name)).filter((path) => made.has(path))
        const modules = new Map([...made].filter(([path]) => paths.includes(path)))
        const written = await rejoin(modules, resolve(this.options.outDir), this.format)
        for (const path of paths) if (!written.includes(path)) await rm(path)
      },
    },
  ]
}

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
  clean: ['!**/*.d.{ts,cts}'], // a build without declarations (the tests') keeps those of the last one
  sourcemap: false,
  treeshake: false,
  noExternal: ['bytes', 'ms'],
  plugins: plugins(),
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
