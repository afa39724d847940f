// Makes many sessions with files and waits to be killed. Arguments: directory, root's name, sessions, files in each,
// bytes in each file (none by default).

import { writeFileSync } from 'node:fs'

const [directory, name, sessions, files, bytes = 0] = process.argv.slice(2)
const { TempFileManager } = await import(`${process.env['BENCH_DIST']}/index.js`)
const content = Buffer.alloc(Number(bytes), 1)
const managers = Array.from({ length: Number(sessions) }, () => {
  const manager = new TempFileManager({ baseDir: directory, name, sweep: { onStart: false, every: false } })
  for (let made = 0; made < Number(files); made++) {
    const { path } = manager.file()
    if (content.length > 0) writeFileSync(path, content)
  }
  return manager
})
process.send?.(managers.map((manager) => manager.sessionPath))
setInterval(() => managers.length, 1e9)
