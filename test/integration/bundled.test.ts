// The package in a bundle of its user's program, as docs/compatibility.md describes it.

import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
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

/** A directory in which a program finds the package by its name. */
function projectDirectory(): string {
  const directory = tempBase()
  const place = join(directory, 'node_modules/temp-file-manager')
  mkdirSync(place, { recursive: true })
  copyFileSync(fileURLToPath(new URL('../../package.json', import.meta.url)), join(place, 'package.json'))
  symlinkSync(built, join(place, 'dist'))
  return directory
}

/** File rules load file-type, an ES module whose dependencies are CommonJS. */
const program = (image: string): string => `
  import { createReadStream } from 'node:fs'
  import { fileRules, TempFileManager } from 'temp-file-manager'
  const run = async () => {
    const manager = new TempFileManager({ baseDir: process.argv[2] })
    const file = await manager.receive(createReadStream(${JSON.stringify(image)}), { accept: fileRules.image })
    const claim = await manager.claim(await file.handOff())
    console.log(file.detectedType, claim.kind)
    await claim.complete()
    await manager.close()
  }
  run()`

test.each<[Format, string, string, string[] | undefined]>([
  ['cjs', 'its own conditions', '', undefined],
  ['esm', 'its own conditions', BANNER, undefined],
  ['esm', 'production alone', BANNER, ['production']],
  ['esm', 'module beside others', BANNER, ['worker', 'module']],
])(
  'a program that esbuild bundles as %s, with %s, receives an image and hands it off',
  async (format, _, banner, conditions) => {
    const directory = projectDirectory()
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
      ...(conditions && { conditions }),
      logLevel: 'error',
    })
    const alone = join(tempBase(), 'alone') // no package can be found beside the bundle
    mkdirSync(alone)
    const output = execFileSync(process.execPath, [outfile, alone], { encoding: 'utf8', cwd: alone })
    expect(output).toBe('image/png file\n')
  },
)
