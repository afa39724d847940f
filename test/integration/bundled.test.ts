// The package in a bundle of its user's program, as docs/compatibility.md describes it.

import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Format } from 'esbuild'
import { beforeAll, expect, test } from 'vitest'
import { builtPackage } from '../fixtures/built.ts'
import { tempBase } from '../fixtures/temp-base.ts'

const BANNER = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"
const IMAGE = fileURLToPath(new URL('../fixtures/media/poster.png', import.meta.url))

let built: string
beforeAll(async () => {
  built = await builtPackage()
})

/** File rules load file-type, an ES module whose dependencies are CommonJS. */
const program = (image: string): string => `
  import { createReadStream } from 'node:fs'
  import { fileRules, TempFileManager } from ${JSON.stringify(join(built, 'index.js'))}
  const run = async () => {
    const manager = new TempFileManager({ baseDir: process.argv[2] })
    const file = await manager.receive(createReadStream(${JSON.stringify(image)}), { accept: fileRules.image })
    const claim = await manager.claim(await file.handOff())
    console.log(file.detectedType, claim.kind)
    await claim.complete()
    await manager.close()
  }
  run()`

test.each<[Format, string]>([
  ['cjs', ''],
  ['esm', BANNER],
])('a program that esbuild bundles as %s receives an image and hands it off', async (format, banner) => {
  const directory = tempBase()
  const entry = join(directory, 'program.mjs')
  writeFileSync(entry, program(IMAGE))
  const outfile = join(directory, format === 'esm' ? 'bundle.mjs' : 'bundle.cjs')
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format,
    banner: { js: banner },
    logLevel: 'error',
  })
  const alone = join(tempBase(), 'alone') // no package can be found beside the bundle
  mkdirSync(alone)
  const output = execFileSync(process.execPath, [outfile, alone], { encoding: 'utf8', cwd: alone })
  expect(output).toBe('image/png file\n')
})
