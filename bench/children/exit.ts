// Makes files, exits, and prints how many milliseconds the exit listeners took. Arguments: way, how many, directory.

import fs, { writeSync } from 'node:fs'
import { createRequire } from 'node:module'

const [way, count, directory] = [process.argv[2], Number(process.argv[3]), String(process.argv[4])]
if (way === 'ours') {
  const { TempFileManager } = await import(`${process.env['BENCH_DIST']}/index.js`)
  const manager = new TempFileManager({ baseDir: directory, sweep: { onStart: false, every: false } })
  for (let made = 0; made < count; made++) manager.file()
} else if (way === 'tmp') {
  const tmp = createRequire(import.meta.url)('tmp')
  tmp.setGracefulCleanup()
  for (let made = 0; made < count; made++) tmp.fileSync({ tmpdir: directory, discardDescriptor: true })
} else {
  const own = fs.mkdtempSync(`${directory}/exit-`)
  for (let made = 0; made < count; made++) fs.closeSync(fs.openSync(`${own}/f-${made}`, 'wx', 0o600))
  process.on('exit', () => {
    if (way === 'rmSync') return fs.rmSync(own, { recursive: true })
    for (const name of fs.readdirSync(own)) fs.unlinkSync(`${own}/${name}`)
    fs.rmdirSync(own)
  })
}
const began = performance.now()
process.on('exit', () => void writeSync(1, String(performance.now() - began)))
process.exit()
