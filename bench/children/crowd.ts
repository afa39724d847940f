// Makes many sessions with files and waits to be killed. Arguments: directory, root's name, sessions, files in each.

const [directory, name, sessions, files] = process.argv.slice(2)
const { TempFileManager } = await import(`${process.env['BENCH_DIST']}/index.js`)
const managers = Array.from({ length: Number(sessions) }, () => {
  const manager = new TempFileManager({ baseDir: directory, name, sweep: { onStart: false, every: false } })
  for (let made = 0; made < Number(files); made++) manager.file()
  return manager
})
process.send?.(managers.map((manager) => manager.sessionPath))
setInterval(() => managers.length, 1e9)
