// A program that lives for a second: writes one temporary file, removes it, ends. Prints what it took as JSON.
// Arguments: way (bare, ours, tmp), form (import, require), directory.

import { createRequire } from 'node:module'

// Not imported: an import of node:fs as an ES module loads node:stream, which is part of neither side's cost here.
const fs = process.getBuiltinModule('node:fs')
const [way, form, directory] = process.argv.slice(2)
const dist = process.env['BENCH_DIST']
const require = createRequire(import.meta.url)
const times: [name: string, at: number][] = []
const mark = (name: string): void => void times.push([name, performance.now()])

mark('start')
if (way === 'ours') {
  const { TempFileManager } =
    form === 'import' ? await import(`${dist}/index.js`) : require(`${dist}/index.cjs`)
  mark('load')
  const manager = new TempFileManager({ baseDir: directory })
  mark('new TempFileManager()')
  const file = manager.file('.txt')
  mark('file()')
  fs.writeFileSync(file.path, 'x')
  mark('write')
  file[Symbol.dispose]()
  mark('dispose')
} else if (way === 'tmp') {
  const tmp = form === 'import' ? (await import('tmp')).default : require('tmp')
  mark('load')
  const file = tmp.fileSync({ postfix: '.txt', tmpdir: directory })
  mark('file()')
  fs.writeFileSync(file.name, 'x')
  mark('write')
  file.removeCallback()
  mark('dispose')
}
process.prependListener('exit', () => mark('turn of the loop'))
process.on('exit', () => {
  mark('exit listeners')
  const { user, system } = process.cpuUsage()
  const steps = times.slice(1).map(([name, at], index) => [name, at - (times[index]?.[1] ?? at)])
  fs.writeSync(1, JSON.stringify({ cpu: (user + system) / 1000, steps }))
})
