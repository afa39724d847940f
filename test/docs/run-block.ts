// Runs blocks as programs of their own. Promise: each in a process and a temporary directory of its own, under
// the code as it is now; nothing of it stays.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build, transform } from 'esbuild'
import type { CodeBlock } from './code-blocks.ts'

const ENTRIES = {
  index: 'index.ts',
  http: 'http/index.ts',
  express: 'express/index.ts',
  fastify: 'fastify/index.ts',
  s3: 's3/index.ts',
}

export interface Outcome {
  readonly code: number | null
  readonly output: string
  /** What it left behind in its temporary directory: entries of sessions/, and anything that is no root. */
  readonly left: readonly string[]
}

export class BlockRunner {
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
  }

  /** Lowers the sources once for all blocks; inside node_modules, so that blocks find express and the rest. */
  static async prepare(root: string): Promise<BlockRunner> {
    mkdirSync(join(root, 'node_modules', '.cache'), { recursive: true })
    const folder = mkdtempSync(join(root, 'node_modules', '.cache', 'doc-blocks-'))
    await build({
      entryPoints: Object.entries(ENTRIES).map(([out, path]) => ({ out, in: join(root, 'src', path) })),
      outdir: join(folder, 'package'),
      outExtension: { '.js': '.mjs' },
      bundle: true,
      splitting: true,
      packages: 'external',
      platform: 'node',
      format: 'esm',
      target: 'node20',
    })
    return new BlockRunner(folder)
  }

  async run(block: CodeBlock): Promise<Outcome> {
    const lowered = await transform(block.code, { loader: 'ts', format: 'esm', target: 'node20' })
    const code = lowered.code.replaceAll(
      /(["'])temp-file-manager(?:\/(http|express|fastify|s3))?\1/g,
      (_, quote: string, room = 'index') => `${quote}./package/${room}.mjs${quote}`,
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

/** Roots may stay, handoffs that wait too; a session may not. */
function leftIn(place: string): string[] {
  return readdirSync(place, { recursive: true })
    .map(String)
    .filter((path) => /^[^/]+\/sessions\/./.test(path))
}
