// The two pages and what they load, bundled by esbuild when the server starts.

import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const pages = fileURLToPath(new URL('pages/', import.meta.url))

export interface Served {
  readonly path: string
  readonly type: 'html' | 'js' | 'css'
  readonly text: string
}

export async function bundlePages(): Promise<Served[]> {
  const { outputFiles } = await build({
    entryPoints: [`${pages}upload.js`, `${pages}form.js`],
    bundle: true,
    minify: true,
    format: 'esm',
    outdir: pages,
    write: false,
    logLevel: 'error',
  })
  const assets = outputFiles.map(({ path, text }): Served => {
    const type = path.endsWith('.css') ? 'css' : 'js'
    return { path: `/assets/${basename(path)}`, type, text }
  })
  const html = async (path: string, name: string): Promise<Served> => ({
    path,
    type: 'html',
    text: await readFile(`${pages}${name}`, 'utf8'),
  })
  return [...assets, await html('/', 'upload.html'), await html('/form', 'form.html')]
}
