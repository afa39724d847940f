// The built package's core as any JavaScript runtime loads it: one line a promise, `ok` or `failed` and why.
// Argument: the path of the built package's index.js. Run by scripts/test-runtimes.mjs on Node, Bun and Deno, and
// by scripts/test-windows.mjs with Node's Windows build, which has neither modes nor sockets on the disk.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pathToFileURL } from 'node:url'

const [, self, index, mode, base] = process.argv
const { TempFileManager, isTempFileError } = await import(pathToFileURL(index).href)
const onWindows = process.platform === 'win32'
const quiet = { signals: false, sweep: { onStart: false, every: false } }

// As a child of itself: makes a file and ends, one way or the other.
if (mode === 'exit' || mode === 'kill') {
  const manager = new TempFileManager({ ...quiet, baseDir: base })
  console.log(manager.file().path)
  if (mode === 'kill') process.kill(process.pid, 'SIGKILL')
  process.exit(0)
}

const baseDir = realpathSync(mkdtempSync(join(tmpdir(), 'tfm-runtime-')))
const manager = new TempFileManager({ ...quiet, baseDir })

function again(how) {
  const runtime = globalThis.Deno === undefined ? [] : ['run', '-A']
  try {
    return execFileSync(process.execPath, [...runtime, self, index, how, baseDir], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch (error) {
    return error.stdout.trim()
  }
}

const promises = {
  'file and dir': () => {
    const [file, dir] = [manager.file('.txt'), manager.dir()]
    writeFileSync(file.path, 'x')
    if (!onWindows) {
      assert.equal(lstatSync(file.path).mode & 0o777, 0o600)
      assert.equal(lstatSync(dir.path).mode & 0o777, 0o700)
    }
    file.removeSync()
    dir.removeSync()
    assert.equal(existsSync(file.path) || existsSync(dir.path), false)
  },
  'dispose symbols': async () => {
    const [file, dir] = [manager.file(), manager.dir()]
    file[Symbol.dispose]()
    await dir[Symbol.asyncDispose]()
    assert.equal(existsSync(file.path) || existsSync(dir.path), false)
  },
  receive: async () => {
    const file = await manager.receive(Readable.from(['a', 'b']), { hash: 'sha256' })
    assert.equal(file.bytes, 2)
    assert.equal(readFileSync(file.path, 'utf8'), 'ab')
    const web = await manager.receive(new Blob(['web']).stream())
    assert.equal(readFileSync(web.path, 'utf8'), 'web')
    await assert.rejects(manager.receive('too long', { maxBytes: 3 }), (error) => isTempFileError(error))
    await file.remove()
    await web.remove()
  },
  handoff: async () => {
    const ticket = await (await manager.receive('work')).handOff({ meta: { n: 1 } })
    const claim = await manager.claim(ticket)
    assert.deepEqual([claim.attempt, claim.meta], [1, { n: 1 }])
    await claim.release()
    const second = await manager.claim(ticket)
    assert.equal(second.attempt, 2)
    await second.complete()
    await assert.rejects(manager.claim(ticket), (error) => error.code === 'ERR_TEMP_HANDOFF_GONE')
  },
  'persist and adopt': async () => {
    const destination = join(baseDir, 'kept')
    await (await manager.receive('kept')).persist(destination)
    assert.equal(readFileSync(destination, 'utf8'), 'kept')
    await (await manager.adopt(destination)).remove()
    assert.equal(existsSync(destination), false)
  },
  lease: async () => {
    manager.file()
    if (!onWindows) assert.equal(lstatSync(join(manager.sessionPath, 'lease')).isSocket(), true)
    const other = new TempFileManager({ ...quiet, baseDir })
    const { items } = await other.sweep()
    assert.match(items.find(({ kind }) => kind === 'session').reason, /lease answers/)
    await other.close()
  },
  'clean exit': () => {
    const path = again('exit')
    assert.notEqual(path, '')
    assert.equal(existsSync(path), false)
  },
  'kill -9, then sweep': async () => {
    const path = again('kill')
    assert.equal(existsSync(path), true)
    await manager.sweep()
    assert.equal(existsSync(path), false)
  },
  CommonJS: () => {
    const { TempFileManager: Same } = createRequire(import.meta.url)(index.replace(/\.js$/, '.cjs'))
    const other = new Same({ ...quiet, baseDir })
    other.file().removeSync()
    other.closeSync()
  },
  close: async () => {
    await manager.close()
    assert.deepEqual(readdirSync(join(manager.root, 'sessions')), [])
  },
}

for (const [name, keep] of Object.entries(promises)) {
  try {
    await keep()
    console.log(`ok\t${name}`)
  } catch (error) {
    console.log(`failed\t${name}\t${String(error?.message ?? error).split('\n')[0]}`)
  }
}
rmSync(baseDir, { recursive: true, force: true })
