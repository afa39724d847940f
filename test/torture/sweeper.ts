// A sweeper of the torture: sweeps a few times, or kills itself at a chosen disk call of its sweeps.

import { writeSync } from 'node:fs'
import { TempFileManager } from '../../src/index.ts'
import { countdown } from '../fixtures/countdown.ts'

const [base, times, killAfter] = process.argv.slice(2)
const disk = countdown()
const manager = new TempFileManager({
  ...(base === undefined ? {} : { baseDir: base }),
  fs: disk.fs,
  sweep: { onStart: false, every: false },
  onCleanupError: (error) => writeSync(1, `reported ${error.code}\n`),
})

async function main(): Promise<void> {
  manager.file()
  if (killAfter !== '0') disk.after(Number(killAfter), 'SIGKILL')
  for (let n = 0; n < Number(times); n++) {
    const report = await manager.sweep()
    writeSync(1, `reclaimed ${report.sessionsRemoved}\n`)
    for (const { name, message } of report.errors) writeSync(1, `error ${name} ${message}\n`)
  }
  await manager.close()
}

void main()
