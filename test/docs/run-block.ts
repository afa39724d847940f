// Runs blocks as programs. Guarantee: each has a process and a temporary directory of its own and runs with the sources
// as they are now; nothing of it stays.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build, transform } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AS_MODULES } from '../child-modules.ts'
import type { CodeBlock } from './code-blocks.ts'
import { type EntryPoint, entryPoints } from './entry-points.ts'

interface Outcome {
  readonly code: number | null
  readonly output: string
  /** The entries that it left in its temporary directory: those of sessions/, and any that are not a root. */
  readonly left: readonly string[]
}

class BlockRunner {
  readonly #folder: string
  readonly #entries: readonly EntryPoint[]

  private constructor(folder: string, entries: readonly EntryPoint[]) {
    this.#folder = folder
    this.#entries = entries
  }

  /** Lowers the sources once for all blocks; inside node_modules, so that blocks find express and the rest. */
  static async prepare(root: string): Promise<BlockRunner> {
    mkdirSync(join(root, 'node_modules', '.cache'), { recursive: true })
    const folder = mkdtempSync(join(root, 'node_modules', '.cache', 'doc-blocks-'))
    const entries = entryPoints(root)
    await build({
      entryPoints: entries.map(({ source, built }) => ({ out: built, in: join(root, source) })),
      outdir: join(folder, 'package'),
      outExtension: { '.js': '.mjs' },
      ...AS_MODULES,
    })
    return new BlockRunner(folder, entries)
  }

  async run(block: CodeBlock): Promise<Outcome> {
    const code = this.#entries.reduce(
      (text, { name, built }) => text.replaceAll(`'${name}'`, `'./package/${built}.mjs'`),
      await runnable(block),
    )
    const program = join(this.#folder, `${block.where.replaceAll(/[^a-z0-9]+/gi, '-')}.mjs`)
    writeFileSync(program, code)
    const place = realpathSync(mkdtempSync(join(tmpdir(), 'doc-block-')))
    try {
      const env = { ...process.env, TMPDIR: place, TEMP_FILE_MANAGER_DIR: undefined, NODE_OPTIONS: undefined }
      const child = spawn(process.execPath, [program], { cwd: place, env, stdio: ['ignore', 'pipe', 'pipe'] })
      let output = ''
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (text: string) => {
          output += text
        })
      await once(child, 'close')
      return { code: child.exitCode, output, left: leftIn(place) }
    } finally {
      rmSync(place, { recursive: true, force: true })
    }
  }

  dispose(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** Declares a test for each block. */
export function testBlocks(root: string, blocks: readonly CodeBlock[]): void {
  describe('code blocks', () => {
    let runner: BlockRunner
    beforeAll(async () => {
      runner = await BlockRunner.prepare(root)
    })
    afterAll(() => runner.dispose())

    test.concurrent.each(blocks.map((block) => [block.where, block] as const))(
      'the block %s runs, exits with 0, and leaves no session behind',
      async (_, block) => {
        const { code, output, left } = await runner.run(block)
        expect(code, output).toBe(0)
        expect(output).not.toMatch(/Warning/)
        expect(left).toEqual([])
      },
    )
  })
}

/** JavaScript runs as it is written; TypeScript is lowered to the oldest Node that is supported. */
async function runnable({ language, code }: CodeBlock): Promise<string> {
  if (language === 'js') return code
  const { code: lowered } = await transform(code, { loader: 'ts', format: 'esm', target: 'node20' })
  return lowered.replaceAll(/(["'])(temp-file-manager[\w/-]*)\1/g, "'$2'")
}

/** Roots may stay, handoffs that wait too; a session may not. */
function leftIn(place: string): string[] {
  return readdirSync(place, { recursive: true })
    .map(String)
    .filter((path) => /^[^/]+\/sessions\/./.test(path))
}
