// One file, one directory, made and disposed: against the bare system calls and against every peer.

import { closeSync, mkdirSync, openSync, rmdirSync, unlinkSync } from 'node:fs'
import { unlink } from 'node:fs/promises'
import fsTemp from 'fs-temp'
import temp from 'temp'
import { temporaryDirectoryTask, temporaryWriteTask } from 'tempy'
import tmp from 'tmp'
import { withFile } from 'tmp-promise'
import type { Effort } from '../measure/effort.ts'
import { interval, ratios } from '../measure/interval.ts'
import { micro } from '../measure/micro.ts'
import { rounds } from '../measure/rounds.ts'
import { type Row, row } from '../measure/verdict.ts'
import { TempFileManager } from '../subject.ts'

export async function handles(effort: Effort): Promise<Row[]> {
  const directory = `${effort.directory}/raw`
  mkdirSync(directory)
  using manager = new TempFileManager({ baseDir: effort.directory, sweep: { onStart: false, every: false } })
  manager.file().removeSync()
  let sequence = 0
  const milliseconds = effort.of(60, 15)
  const count = effort.of(15, 7)
  const time = (call: () => unknown) => micro(call, milliseconds)

  const files = await rounds(
    {
      'raw open, close, unlink': time(() => {
        const path = `${directory}/f-${++sequence}`
        closeSync(openSync(path, 'wx', 0o600))
        unlinkSync(path)
      }),
      ours: time(() => {
        using _ = manager.file()
      }),
      'tmp.fileSync, removeCallback': time(() => tmp.fileSync().removeCallback()),
      'temp.openSync, close, unlink': time(() => {
        const { path, fd } = temp.openSync()
        closeSync(fd)
        unlinkSync(path)
      }),
      'fs-temp openSync, close, unlink': time(() => {
        const { path, fd } = fsTemp.openSync('w')
        closeSync(fd)
        unlinkSync(path)
      }),
    },
    count,
  )
  const awaited = await rounds(
    {
      'raw open, close, await unlink': time(async () => {
        const path = `${directory}/f-${++sequence}`
        closeSync(openSync(path, 'wx', 0o600))
        await unlink(path)
      }),
      ours: time(async () => {
        await using _ = manager.file()
      }),
      'tmp-promise withFile': time(() => withFile(async () => {})),
      'tempy temporaryWriteTask': time(() => temporaryWriteTask('', async () => {})),
    },
    count,
  )
  const directories = await rounds(
    {
      'raw mkdir, rmdir': time(() => {
        const path = `${directory}/d-${++sequence}`
        mkdirSync(path, 0o700)
        rmdirSync(path)
      }),
      ours: time(() => {
        using _ = manager.dir()
      }),
      'tmp.dirSync, removeCallback': time(() => tmp.dirSync().removeCallback()),
      'tempy temporaryDirectoryTask': time(() => temporaryDirectoryTask(async () => {})),
    },
    count,
  )
  // The bare system calls cost their share of tmp's time on any disk, and ours may be 1.15 times as slow as they are.
  const theirs = files['tmp.fileSync, removeCallback']
  const floor = ratios(files['raw open, close, unlink'], theirs)
  return [
    ...against('file() + using', files, {
      'raw open, close, unlink': { atMost: 1.15, headline: 'What does a file cost?' },
      'tmp.fileSync, removeCallback': { atMost: 0.3, known: 1.15 * interval(floor).median },
    }),
    row({
      group: 'handles',
      what: 'raw open, close, unlink',
      against: 'tmp.fileSync, removeCallback',
      ours: micros(files['raw open, close, unlink']),
      theirs: micros(theirs),
      rounds: floor,
    }),
    ...against('file() + await using', awaited, { 'raw open, close, await unlink': { atMost: 1.15 } }),
    ...against('dir() + using', directories, { 'raw mkdir, rmdir': { atMost: 1.08, known: 1.2 } }),
  ]
}

function micros(list: readonly number[]): string {
  return `${interval(list).median.toFixed(1)} us`
}

function against(
  what: string,
  costs: Record<string, number[]> & { ours: number[] },
  targets: Record<string, { atMost: number; known?: number; headline?: string }>,
): Row[] {
  return Object.entries(costs)
    .filter(([name]) => name !== 'ours')
    .map(([name, list]) => {
      const target = targets[name]
      return row({
        group: 'handles',
        what,
        against: name,
        ours: micros(costs.ours),
        theirs: micros(list),
        rounds: ratios(costs.ours, list),
        headline: target?.headline,
        ...(target === undefined ? {} : { target: { atMost: target.atMost } }),
        ...(target?.known === undefined ? {} : { known: { atMost: target.known } }),
      })
    })
}
