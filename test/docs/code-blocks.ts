// Finds the code of the documents: fenced blocks of the pages and @example blocks of the sources. Guarantee: every block
// of TypeScript is compiled, and every one of TypeScript or JavaScript runs unless it is marked `no-run`.

import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

export interface CodeBlock {
  /** 'README.md:12', as an editor understands it. */
  readonly where: string
  readonly language: 'ts' | 'js'
  readonly code: string
  /** False for what needs something that is not there: a real server, another machine. */
  readonly runs: boolean
}

/** Every block of README.md, docs (but the generated api), and the sources' docstrings. */
export function allBlocks(root: string): CodeBlock[] {
  const pages = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...under(root, 'docs', '.md')]
  const sources = under(root, 'src', '.ts')
  return [
    ...pages.filter((page) => !page.startsWith(join('docs', 'api'))).flatMap((page) => blocksOf(root, page)),
    ...sources.flatMap((source) => blocksOf(root, source)),
  ]
}

/** The files below a folder that end so, relative to the root. */
export function under(root: string, folder: string, ending: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort()
}

function blocksOf(root: string, file: string): CodeBlock[] {
  const blocks: CodeBlock[] = []
  let open:
    | (Omit<CodeBlock, 'where' | 'code'> & { readonly line: number; readonly code: string[] })
    | undefined
  // In a docstring each line begins with ' * '.
  const lines = readFileSync(join(root, file), 'utf8')
    .split('\n')
    .map((line) => (file.endsWith('.ts') ? line.replace(/^\s*\* ?/, '') : line))
  for (const [index, line] of lines.entries()) {
    const fence = /^```(\S*)\s*(.*)$/.exec(line)
    if (open === undefined) {
      const language = fence?.[1]
      if (language === 'ts' || language === 'js')
        open = { line: index + 2, language, runs: !/\bno-run\b/.test(fence?.[2] ?? ''), code: [] }
    } else if (fence === null) {
      open.code.push(line)
    } else {
      const { line, code, ...rest } = open
      blocks.push({ where: `${file}:${line}`, code: code.join('\n'), ...rest })
      open = undefined
    }
  }
  return blocks
}
