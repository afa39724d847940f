// Consumers: small programs of test/fixtures/consumer, in folders that hold the installed tarball. Guarantee: ESM,
// CommonJS, both at once, TypeScript with nodenext and bundler resolution, bundled by esbuild, Rollup, Vite and ncc, traced
// by @vercel/nft, frameworks; each on Node 20 (`using` lowered) and 24 (native).

import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { build } from 'esbuild'

const STRICT = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false, // our own declarations are checked too
  types: ['node'],
}
// esbuild cannot turn a CommonJS package's require() into ESM; every bundle of one for Node brings this line.
const REQUIRE = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"

export async function consumers({ root, place, run, step }, tarball, alone, versions) {
  const fixtures = join(root, 'test', 'fixtures', 'consumer')
  const tsc = createRequire(import.meta.url).resolve('typescript/lib/tsc.js')
  const check = (name, work) => step(name, work, { fatal: false })
  const fine = async (node, file, cwd, flags = []) => {
    const { stdout, stderr } = await run(versions[node], [...flags, file], cwd, { NODE_OPTIONS: '' })
    if (stdout.trim() !== 'fine' || stderr.trim() !== '')
      throw Object.assign(new Error(file), { stdout, stderr })
  }
  cpSync(fixtures, alone, { recursive: true })

  for (const node of [20, 24]) {
    for (const file of ['esm.mjs', 'cjs.cjs', 'both.mjs'])
      await check(`Node ${node}: ${file}`, () => fine(node, file, alone))
  }

  for (const format of ['esm', 'cjs']) {
    const outfile = join(place, 'bundled', format === 'esm' ? 'main.mjs' : 'main.cjs')
    await check(`bundled by esbuild as ${format}, Node 20 and 24`, async () => {
      await build({
        entryPoints: [join(alone, format === 'esm' ? 'esm.mjs' : 'cjs.cjs')],
        outfile,
        bundle: true,
        platform: 'node',
        format,
        target: 'node20',
        banner: format === 'esm' ? { js: REQUIRE } : {},
        logLevel: 'error',
      })
      for (const node of [20, 24]) await fine(node, outfile, join(place, 'bundled'))
      // `debug` is looked for beside the package first; here there is none, and the bundle's own must serve.
      const env = { NODE_OPTIONS: '', DEBUG: 'temp-file-manager:*' }
      const { stderr } = await run(versions[20], [outfile], join(place, 'bundled'), env)
      if (!stderr.includes('temp-file-manager:')) throw new Error('DEBUG shows nothing')
    })
  }

  await check('@types/node, the only other package of a TypeScript consumer', () =>
    run(
      'npm',
      ['install', '--prefer-offline', '--no-fund', '--no-audit', '-D', '@types/node@20'],
      alone,
    ).then(() => ''),
  )
  const compile = async (folder, files, options, outDir, compiler = tsc) => {
    const config = join(folder, `tsconfig.${outDir}.json`)
    writeFileSync(
      config,
      JSON.stringify({ compilerOptions: { ...STRICT, ...options, outDir, rootDir: '.' }, files }),
    )
    await run(process.execPath, [compiler, '-p', config], folder)
  }
  const nodenext = { module: 'nodenext', moduleResolution: 'nodenext' }
  await check('TypeScript nodenext, `using` lowered, on Node 20', async () => {
    await compile(
      alone,
      ['using.mts', 'using.cts', 'both-types.mts'],
      { ...nodenext, target: 'es2022', lib: ['es2022', 'esnext.disposable'] },
      'lowered',
    )
    for (const file of ['lowered/using.mjs', 'lowered/using.cjs']) await fine(20, file, alone)
  })
  await check('TypeScript nodenext, `using` as it is, on Node 24', async () => {
    await compile(alone, ['using.mts', 'using.cts'], { ...nodenext, target: 'esnext' }, 'native')
    for (const file of ['native/using.mjs', 'native/using.cjs']) {
      if (!/await using/.test(readFileSync(join(alone, file), 'utf8'))) throw new Error('it was lowered')
      await fine(24, file, alone)
    }
  })
  await check('TypeScript with bundler resolution', async () => {
    const bundler = {
      module: 'esnext',
      moduleResolution: 'bundler',
      target: 'es2022',
      lib: ['es2022', 'esnext.disposable'],
    }
    await compile(alone, ['using.mts'], bundler, 'bundler')
    await fine(20, 'bundler/using.mjs', alone)
  })

  /** A project of its own that holds the packages. */
  const folderWith = async (name, ...packages) => {
    const folder = join(place, name)
    mkdirSync(folder)
    await run('npm', ['init', '-y'], folder)
    await run('npm', ['install', '--prefer-offline', '--no-fund', '--no-audit', ...packages], folder)
    return folder
  }

  await check('TypeScript 5.2, the oldest that knows `using`', async () => {
    const folder = await folderWith('typescript-5.2', 'typescript@5.2')
    const oldest = join(folder, 'node_modules', 'typescript', 'lib', 'tsc.js')
    const options = { ...nodenext, target: 'es2022', lib: ['es2022', 'esnext.disposable'] }
    await compile(alone, ['using.mts', 'using.cts'], options, 'oldest', oldest)
  })

  const versionOf = (name) =>
    JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')).version

  // A bundle that takes what Node loads by import needs the package's files beside it, and has none here.
  const bundlers = [
    ['Rollup', ['rollup', '-c', '--silent'], '-d', 'main.mjs'],
    ["Vite's SSR build", ['vite', 'build', '--logLevel', 'error'], '--outDir', 'main.mjs'],
    ['ncc', ['ncc', 'build', 'esm.mjs', '--quiet'], '-o', 'index.mjs'],
  ]
  await check('bundled by Rollup, Vite and ncc, Node 20 and 24', async () => {
    const plugins = ['node-resolve', 'commonjs', 'json'].map((name) => `@rollup/plugin-${name}`)
    const versioned = ['rollup', 'vite'].map((name) => `${name}@${versionOf(name)}`)
    const folder = await folderWith('bundlers', tarball.path, ...versioned, ...plugins, '@vercel/ncc@0.45')
    for (const name of ['esm.mjs', 'exercise.cjs', 'rollup.config.mjs', 'vite.config.mjs'])
      cpSync(join(fixtures, name), join(folder, name))
    for (const [name, [program, ...words], option, file] of bundlers) {
      const output = join(place, `bundled by ${name}`)
      await run(join(folder, 'node_modules', '.bin', program), [...words, option, output], folder)
      for (const node of [20, 24]) await fine(node, file, output)
    }
  })

  await check('traced by @vercel/nft, as for a standalone server of Next.js', async () => {
    const folder = await folderWith('traced', tarball.path, '@vercel/nft@1')
    for (const name of ['esm.mjs', 'exercise.cjs', 'trace.mjs'])
      cpSync(join(fixtures, name), join(folder, name))
    const copy = join(place, 'traced copy')
    await run(versions[24], ['trace.mjs', 'esm.mjs', copy], folder)
    for (const node of [20, 24]) await fine(node, 'esm.mjs', copy)
  })

  await check('frameworks: express, fastify, multer and their types', async () => {
    const names = ['express', 'fastify', 'multer', '@types/express', '@types/multer']
    const versioned = names.map((name) => `${name}@${versionOf(name)}`)
    const folder = await folderWith('frameworks', tarball.path, '@types/node@20', ...versioned)
    const sources = ['frameworks.mts', 'both-frameworks.mts']
    for (const name of sources) cpSync(join(fixtures, name), join(folder, name))
    const lib = ['es2023', 'esnext.disposable']
    await compile(folder, sources, { ...nodenext, target: 'es2022', lib, esModuleInterop: true }, 'out')
    for (const node of [20, 24]) await fine(node, 'out/frameworks.mjs', folder)
  })

  await check('handoffs between hosts: @aws-sdk/client-s3 and its types, ESM and CommonJS', async () => {
    const sdk = `@aws-sdk/client-s3@${versionOf('@aws-sdk/client-s3')}`
    const folder = await folderWith('s3', tarball.path, '@types/node@20', sdk)
    for (const name of ['s3.mts', 's3.cts']) cpSync(join(fixtures, name), join(folder, name))
    const lib = ['es2023', 'esnext.disposable']
    await compile(
      folder,
      ['s3.mts', 's3.cts'],
      { ...nodenext, target: 'es2022', lib, skipLibCheck: true },
      'out',
    )
    // The SDK warns on Node 20.
    for (const node of [20, 24])
      for (const file of ['out/s3.mjs', 'out/s3.cjs']) await fine(node, file, folder, ['--no-warnings'])
  })

  await check('tests in Jest 29', async () => {
    const folder = await folderWith('jest', tarball.path, 'jest@29')
    for (const name of ['exercise.cjs', 'jest.test.cjs']) cpSync(join(fixtures, name), join(folder, name))
    const jest = join(folder, 'node_modules', 'jest', 'bin', 'jest.js')
    for (const node of [20, 24])
      await run(versions[node], ['--experimental-vm-modules', jest, '--testMatch', '**/*.test.cjs'], folder, {
        NODE_OPTIONS: '',
      })
  })

  await check('Express 4', async () => {
    const folder = await folderWith('express-4', tarball.path, 'express@4')
    cpSync(join(fixtures, 'express4.cjs'), join(folder, 'express4.cjs'))
    for (const node of [20, 24]) await fine(node, 'express4.cjs', folder)
  })
}
