// Compiles blocks of TypeScript as a strict user's compiler would, against the sources. Guarantee: an error is reported
// with the page and line that a writer can open.

import { join } from 'node:path'
import ts from 'typescript'
import type { CodeBlock } from './code-blocks.ts'
import { entryPoints } from './entry-points.ts'

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts', 'lib.es2024.string.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  verbatimModuleSyntax: true,
  allowImportingTsExtensions: true,
  skipLibCheck: true,
  noEmit: true,
  esModuleInterop: true,
}

/** The compiler's errors, block by block: 'README.md:14: message'. */
export function compileErrors(root: string, blocks: readonly CodeBlock[]): string[] {
  const paths = Object.fromEntries(entryPoints(root).map(({ name, source }) => [name, [`./${source}`]]))
  const options: ts.CompilerOptions = { ...OPTIONS, paths, pathsBasePath: root }
  const files = new Map(
    blocks.map((block, index) => [join(root, 'test', 'docs', `block-${index}.ts`), block]),
  )
  const host = ts.createCompilerHost(options)
  const { fileExists, readFile, getSourceFile } = host
  host.fileExists = (path) => files.has(path) || fileExists(path)
  host.readFile = (path) => files.get(path)?.code ?? readFile(path)
  host.getSourceFile = (path, version, ...rest) => {
    const block = files.get(path)
    if (block === undefined) return getSourceFile(path, version, ...rest)
    return ts.createSourceFile(path, `${block.code}\nexport {}\n`, version, true)
  }
  const program = ts.createProgram({ rootNames: [...files.keys()], options, host })
  return [...files].flatMap(([path, block]) => {
    const source = program.getSourceFile(path)
    const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]
    return found.map((diagnostic) => {
      const [page, line] = block.where.split(':')
      const at = source === undefined ? 0 : source.getLineAndCharacterOfPosition(diagnostic.start ?? 0).line
      return `${page}:${Number(line) + at}: ${ts.flattenDiagnosticMessageText(diagnostic.messageText, ' ')}`
    })
  })
}
