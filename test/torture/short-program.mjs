// A program that lives for a moment, as a command line tool or an agent does. Arguments: the package's index.js, the base
// directory, what it does. Each one uses the package in another way, and is killed at any time.

import { writeFileSync } from 'node:fs'

const [, , index, baseDir, deed] = process.argv
const { TempFileManager } = await import(index)
const manager = new TempFileManager({ baseDir, name: 'short' })

const deeds = {
  sync() {
    using(manager.dir(), (dir) => writeFileSync(dir.join('page.html'), 'x'.repeat(1000)))
  },
  async scope() {
    await manager.withDir(async (dir) => {
      writeFileSync(dir.join('a'), 'x')
      await manager.withFile('.txt', (file) => file.write('y'.repeat(100_000)))
    })
    await manager.close()
  },
  exit() {
    writeFileSync(manager.file('.part').path, 'x')
    process.exit(0)
  },
  throws() {
    manager.file('.part')
    throw new Error('as intended')
  },
  async claim() {
    const ticket = await (await manager.receive('job')).handOff({ durable: false })
    await manager.withClaim(ticket, () => {})
  },
}

function using(entry, fn) {
  try {
    fn(entry)
  } finally {
    entry.removeSync()
  }
}

await deeds[deed]()
