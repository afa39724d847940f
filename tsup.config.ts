// One build of every entry in both formats, in files that the entries share: an error made by temp-file-manager/http is an
// instance of the core's class. Node imports the CommonJS files too, and bundlers the ES modules (scripts/wrap-entries.ts). esbuild compiles each module of src apart, and scripts/join-modules.ts joins them: it
// decides what is loaded when, and tsup's own conversion to CommonJS, sucrase, writes each `?.` and `??` as a call with
// closures.

import { readdirSync } from 'node:fs'
import { rm, rmdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig, type Options } from 'tsup'
import { type Joining, joinModules } from './scripts/join-modules.ts'
import { wrapEntries } from './scripts/wrap-entries.ts'

const LIBRARY = [
  'index',
  'http/index',
  'express/index',
  'fastify/index',
  's3/index',
  'resumable/index',
  'tus/index',
  'vitest/index',
  'node-test/index',
]
const PROGRAM = 'cli/main'
const ENTRIES = [...LIBRARY, PROGRAM]
type Made = Pick<Joining, 'made' | 'entries'>

const source = fileURLToPath(new URL('src', import.meta.url))
const modules = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => path.replaceAll('\\', '/').slice(0, -'.ts'.length))

const apart: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'apart',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^\.\.?\// }, ({ path, importer }) =>
      importer.startsWith(source) ? { path: path.replace(/\.ts$/, ''), external: true } : undefined,
    ),
}

function joined(): NonNullable<Options['plugins']>[number] {
  const made = new Map<string, string>()
  return {
    name: 'joined',
    renderChunk(code, { path }) {
      if (/\.c?js$/.test(path)) made.set(resolve(path), code)
    },
    async buildEnd({ writtenFiles }) {
      const compiled = writtenFiles.map(({ name }) => resolve(name)).filter((path) => made.has(path))
      const directory = resolve(this.options.outDir)
      const joinFormat = this.format === 'cjs' ? joinCommonJs : joinEsModules
      const kept = await joinFormat({ made, entries: ENTRIES }, directory)
      for (const path of compiled) if (!kept.includes(path)) await rm(path)
      const folders = [...new Set(compiled.map((path) => dirname(path)))]
      for (const folder of folders.sort().reverse()) await rmdir(folder).catch(() => {}) // where it is empty
    },
  }
}

async function joinCommonJs(made: Made, directory: string): Promise<readonly string[]> {
  return (await joinModules({ ...made, directory, format: 'cjs', fileOf: (name) => `${name}.cjs` })).paths
}

/** Bundlers take the ES modules in esm/. Node imports those above it, but for the program, which is one itself. */
async function joinEsModules(made: Made, directory: string): Promise<readonly string[]> {
  const fileOf = (name: string): string => (name === PROGRAM ? `${name}.js` : `esm/${name}.js`)
  const { paths, entries } = await joinModules({ ...made, directory, format: 'es', fileOf })
  const library = entries.filter(({ name }) => name !== PROGRAM)
  return [...paths, ...(await wrapEntries(directory, library))]
}

/** Also of the tests' build (test/fixtures/built.ts): without declarations. */
export function buildOptions(): Options {
  return {
    entry: entriesOf(modules),
    format: ['esm', 'cjs'],
    target: 'node20',
    platform: 'node',
    splitting: true,
    // A bundler or test runner that inlines the package must see a builtin of Node as one.
    removeNodeProtocol: false,
    clean: ['!**/*.d.{ts,cts}'], // a build without declarations keeps those of the last one
    sourcemap: false,
    treeshake: false,
    noExternal: ['bytes', 'ms'], // the core loads nothing but `debug`
    esbuildPlugins: [apart],
    plugins: [joined()],
  }
}

function entriesOf(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, join(source, `${name}.ts`)]))
}

export default defineConfig({
  ...buildOptions(),
  dts: { entry: entriesOf(LIBRARY), banner: '/// <reference types="node" />' },
})
