// Joins the modules of src, each compiled by esbuild, to the files of the package. Guarantee: a program that creates, writes
// and removes files loads one file of the core: each further one takes 0.3 ms.
//
// V8 parses what never runs, too: half of the core took 3.5 of the 11 ms of a require(). In CommonJS that half is two files,
// which are required when they are first used. An ES module cannot load another one synchronously: there the core is whole,
// and only bundlers and the command line take it (scripts/wrap-entries.ts).

import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { type GetModuleInfo, type OutputChunk, type Plugin, rollup } from 'rollup'
import { type Entry, orImported } from './wrap-entries.ts'

const UNITS = 'units-when-used'

/** Modules of the core that are loaded when they are first used; a name that ends with / is that of a folder. */
const WHEN_USED: Readonly<Record<string, readonly string[]>> = {
  [UNITS]: ['input/units'],
  'trees-when-used': [
    'disk/descriptors',
    'disk/mounts',
    'disk/open-directories',
    'disk/permission',
    'disk/remove/approach',
    'disk/remove/deletion',
    'disk/remove/drivers',
    'disk/remove/frame',
    'disk/remove/listing',
    'disk/remove/obstacles',
    'disk/remove/remove',
    'disk/remove/slice',
    'session/short-path',
    'temps/dir',
    'temps/failure',
    'temps/hold-for',
  ],
  'rest-when-used': [
    'claimable/',
    'disk/measure',
    'disk/metadata',
    'disk/move/',
    'disk/patient-renames',
    'disk/rename-into',
    'disk/sync',
    'input/foreign-names',
    'input/spelling',
    'liveness/boot-clock',
    'liveness/lease',
    'liveness/owner-record',
    'liveness/volume-clock',
    'manager/claiming',
    'manager/existing-files',
    'manager/receiving',
    'manager/scoping',
    'platform/ask-process',
    'removal/kept',
    'removal/remove-session',
    'removal/report-left',
    'runtime/abort',
    'runtime/connection-internals',
    'runtime/listen-together',
    'runtime/pings',
    'session/heartbeat',
    'session/keep-young',
    'session/outside',
    'session/proof',
    'session/without-proof',
    'streams/',
    'sweep/maintenance',
    'sweep/schedule',
    'temps/content-options',
    'temps/exact-name',
    'temps/file-content',
    'temps/move-entry',
    'temps/only-write',
    'temps/persist',
    'temps/resources',
    'temps/run-validate',
    'temps/scope',
  ],
}

// import('x') becomes require('x') in CommonJS, which is right for CommonJS packages (Jest has no import()). file-type is
// ESM only, so a consumer's bundler could not resolve that (Node 20.19's require(esm) can); its import() stays.
const REQUIRED = /Promise\.resolve\(\)\.then\(function \(\) \{ return \S*?\(require\(('file-type')\)\); \}\)/g

// An ES module's import of a builtin reads each of its exports. For node:fs that loads node:stream, and for all of them
// together it takes longer than the first file, so the ES modules, and bundles of them, get them without an import.
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

// An assignment for each of the core's 150 exports is more to parse and to run than one object.
const EXPORTS = /(?:^exports\.[\w$]+ = [\w$]+;\n)+/m

function inOneObject(assignments: string): string {
  const pairs = [...assignments.matchAll(/^exports\.([\w$]+) = ([\w$]+);$/gm)]
  const members = pairs.map(([, name, value]) => (name === value ? name : `${name}: ${value}`))
  return `module.exports = { ${members.join(', ')} };\n`
}

/** What is joined, and where it goes. */
export interface Joining {
  /** Paths of the compiled modules, with their code: as those of src are, below `directory`. */
  readonly made: ReadonlyMap<string, string>
  /** Names of the package's entries, as `http/index`. */
  readonly entries: readonly string[]
  readonly directory: string
  readonly format: 'cjs' | 'es'
  /** The path, below `directory`, of an entry or of a chunk. */
  readonly fileOf: (name: string) => string
}

/** Writes the joined files; returns their paths, and what the entries export. */
export async function joinModules({
  made,
  entries,
  directory,
  format,
  fileOf,
}: Joining): Promise<{ readonly paths: readonly string[]; readonly entries: readonly Entry[] }> {
  const extension = format === 'cjs' ? 'cjs' : 'js'
  const pathOf = (name: string): string => join(directory, `${name}.${extension}`)
  const nameOf = (path: string): string => path.slice(directory.length + 1, -extension.length - 1)
  const index = pathOf('index')
  const memory: Plugin = {
    name: 'memory',
    resolveId(id, importer) {
      const path = importer === undefined ? id : resolve(dirname(importer), id)
      return [path, `${path}.${extension}`].find((known) => made.has(known)) ?? { id, external: true }
    },
    load: (path) => made.get(path),
    resolveImportMeta: (property) =>
      format === 'cjs' && property === 'url' ? `require('node:url').pathToFileURL(__filename).href` : null,
  }
  const bundle = await rollup({
    input: Object.fromEntries(entries.map((name) => [name, pathOf(name)])),
    plugins: [memory],
    // The core and what it requires when it is used need each other.
    onLog: (level, log, report) => level === 'warn' && log.code !== 'CIRCULAR_CHUNK' && report(level, log),
  })
  const { output } = await bundle.generate({
    format,
    entryFileNames: ({ name }) => fileOf(name),
    chunkFileNames: fileOf('chunk-[hash]'),
    hashCharacters: 'base36',
    experimentalMinChunkSize: 20_000,
    manualChunks: (id, { getModuleInfo }) => {
      if (id === index || !loadedBy(index, getModuleInfo).has(id)) return undefined
      if (format === 'es') return 'core'
      // bytes and ms, which input/units uses
      if (/^\/\/ \S*node_modules\//m.test(made.get(id) ?? '')) return UNITS
      // and what esbuild writes for those and for `using`
      if (/^(?:var|const) __using\b/m.test(made.get(id) ?? '')) return UNITS
      return groupOf(nameOf(id)) ?? 'core'
    },
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
  const chunks = output.filter((file) => file.type === 'chunk')
  const paths = await Promise.all(
    chunks.map(async (chunk) => {
      const path = join(directory, chunk.fileName)
      await mkdir(dirname(path), { recursive: true })
      await writeFile(
        path,
        format === 'cjs' ? requiredWhenUsed(chunk, chunks) : chunk.code.replace(BUILTIN, withoutImport),
      )
      return path
    }),
  )
  return { paths, entries: chunks.filter(({ isEntry }) => isEntry) }
}

/** The modules that an entry imports, directly or not. */
function loadedBy(entry: string, infoOf: GetModuleInfo): ReadonlySet<string> {
  const found = new Set([entry])
  for (const id of found) for (const imported of infoOf(id)?.importedIds ?? []) found.add(imported)
  return found
}

function groupOf(module: string): string | undefined {
  const isOne = (name: string): boolean => (name.endsWith('/') ? module.startsWith(name) : module === name)
  return Object.keys(WHEN_USED).find((group) => WHEN_USED[group]?.some(isOne))
}

/** The code of a file for CommonJS. That of the core requires the files of {@link WHEN_USED} when a name of them is used. */
function requiredWhenUsed(chunk: OutputChunk, chunks: readonly OutputChunk[]): string {
  const loaded = orImported(chunk.code.replace(REQUIRED, 'import($1)'), chunk.fileName)
  if (chunk.name !== 'core') return loaded
  const code = loaded.replace(EXPORTS, inOneObject)
  const used = chunks.filter(({ name, fileName }) => name in WHEN_USED && chunk.imports.includes(fileName))
  if (used.length === 0 || !/^function ioError\(/m.test(code) || /^exports\./m.test(code))
    throw new Error('The core cannot be split.')
  return used.reduce(
    (text, { fileName }) => {
      const [statement = '', name = '', load = ''] =
        new RegExp(`^const (\\S+) = (require\\('\\./${fileName}'\\));$`, 'm').exec(text) ?? []
      // rollup writes each name of another file as a member of that file's exports, and gives those a name of their own.
      return text
        .replaceAll(`${name}.`, `${name}.code.`)
        .replace(statement, () => `const ${name} = requiredOnce(() => ${load});`)
    },
    `${code}
function requiredOnce(load) {
  let code;
  return {
    get code() {
      try {
        return code ??= load();
      } catch (error) {
        throw ioError(error, 'load the code of this operation');
      }
    }
  };
}
`,
  )
}
