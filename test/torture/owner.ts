// An owner of the torture: a program that obeys its standard input, and reports each deed before and after on standard
// output, by synchronous writes. Guarantee: every line it wrote is true, so a kill -9 leaves half done at most the deed
// between two lines.

import fs from 'node:fs'
import { createInterface } from 'node:readline'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { isTempFileError, type TempEntry, type TempFile, TempFileManager } from '../../src/index.ts'
import { countdown } from '../fixtures/countdown.ts'

const base = isMainThread ? String(process.argv[2]) : String(workerData)
const held = new Map<string, { complete(): Promise<void>; release(): Promise<void> }>()
const entries: TempEntry[] = []
const workers: { readonly number: string; readonly worker: Worker }[] = []
let threads = 0
const disk = countdown()
const manager = new TempFileManager({
  baseDir: base,
  fs: disk.fs,
  sweep: { onStart: false, every: false },
  handoff: { ttl: '1d' },
  onCleanupError: (error) => print('reported', error.code),
})

function print(...words: readonly string[]): void {
  const line = `${words.join(' ')}\n`
  if (isMainThread) fs.writeSync(1, line)
  else parentPort?.postMessage(line)
}

/** A file that holds its own name, so that every reader can check that it is complete. */
function makeFile(): TempFile {
  const file = manager.file({ name: `f-${process.hrtime.bigint()}` })
  fs.writeFileSync(file.path, file.name)
  return file
}

const commands: Record<string, (argument: string) => Promise<void> | void> = {
  file() {
    const file = makeFile()
    entries.push(file)
    print('file', file.path)
  },
  dir() {
    const dir = manager.dir()
    entries.push(dir)
    for (const name of ['a', 'b']) {
      fs.mkdirSync(dir.join(name))
      fs.writeFileSync(dir.join(name, 'x'), 'x')
      print('file', dir.join(name, 'x'))
    }
  },
  async drop() {
    const entry = entries.pop()
    if (entry === undefined) return
    print('dropping', entry.path)
    await entry.remove()
  },
  async publish() {
    const ticket = await makeFile().handOff({ durable: false })
    print('published', ticket)
  },
  async claim(ticket) {
    print('claiming', ticket)
    const claim = await manager.claim(ticket)
    held.set(ticket, claim)
    print('claimed', ticket)
    const content = fs.readFileSync(claim.path, 'utf8')
    if (content !== claim.name) print('damaged', ticket)
  },
  async complete() {
    const [next] = held
    if (next === undefined) return
    const [ticket, claim] = next
    held.delete(ticket)
    print('completing', ticket)
    await claim.complete()
    print('completed', ticket)
  },
  async release() {
    const [next] = held
    if (next === undefined) return
    const [ticket, claim] = next
    held.delete(ticket)
    print('releasing', ticket)
    await claim.release()
    print('released', ticket)
  },
  async sweep() {
    await manager.sweep()
  },
  /** kill -9 at the n-th disk call from now. */
  doom(n) {
    disk.after(Number(n), 'SIGKILL')
  },
  /** Blocks the event loop for good. */
  block() {
    print('blocked')
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  },
  async worker() {
    const worker = new Worker(String(process.argv[1]), { workerData: base })
    const number = String(threads++)
    workers.push({ number, worker })
    await new Promise<void>((resolve) => {
      worker.on('message', (line: string) => {
        print('worker', number, line.trim())
        if (line.startsWith('session')) resolve()
      })
      worker.on('exit', () => resolve())
    })
  },
  async terminate() {
    const last = workers.pop()
    if (last === undefined) return
    print('terminating', last.number)
    await last.worker.terminate()
  },
  async close() {
    await manager.close()
    print('closed')
  },
  exit() {
    process.exit(0)
  },
}

async function obey(line: string): Promise<void> {
  const [id = '', word = '', argument = ''] = line.split(' ')
  try {
    await commands[word]?.(argument)
  } catch (error) {
    print('failed', word, argument || '-', isTempFileError(error) ? error.code : String(error))
  }
  print('done', id)
}

commands['file']?.('')
print('session', String(manager.sessionPath))
if (isMainThread) {
  const input = createInterface({ input: process.stdin })
  input.on('line', (line) => void obey(line))
  input.on('close', () => process.kill(process.pid, 'SIGKILL')) // the torture itself was killed
} else setInterval(() => {}, 1 << 30)
