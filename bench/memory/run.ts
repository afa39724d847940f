// npm run bench:memory [-- --quick]: what a server's resident memory does, stage by stage, while it receives, sends
// and removes; that fifty uploads at once stay under the limit; that nothing is left behind an upload. Writes
// bench/memory/results.json and the chart of docs/benchmarks.md; fails over the limit or on growth.

import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { kill, program, start } from '../children/start.ts'
import { interval } from '../measure/interval.ts'
import { get, upload } from '../measure/upload.ts'
import { svg } from '../print/chart.ts'
import { document } from '../print/document.ts'

const quick = process.argv.includes('--quick')
const MB = 1024 * 1024
const LIMIT_MIB = 512
/** Bytes of heap that an upload may leave behind: a counter's or a cache's last digit, no buffer and no handle. */
const LEAK_BYTES = 1024
const LARGE_MB = quick ? 256 : 2048
const MARKS_MB = quick ? [16, 64, 256] : [64, 512, 2048]
const [AT_ONCE, EACH_MB] = quick ? [20, 16] : [50, 64]
const ITERATIONS = quick ? 60 : 200

const directory = mkdtempSync(`${tmpdir()}/bench-memory-`)
const { child } = await start<string>(program('memory-server'), [directory])
const stages: { stage: string; mib: number; change: number }[] = []

try {
  stage('started')
  await step('import')
  stage('package imported')
  await step('manager')
  stage('manager made')
  await step('file')
  stage('first file made and removed')
  const { port } = await step<{ port: number }>('listen')
  stage('Express listens')
  const points: [number, number][] = []
  const marks = new Set(MARKS_MB)
  await upload(port, '/keep', LARGE_MB * MB, 'form', (bytes) => {
    const megabytes = Math.round(bytes / MB)
    if (points.length === 0) stage('upload started')
    if (points.length === 0 || megabytes - (points.at(-1)?.[0] ?? 0) >= 8)
      points.push([megabytes, resident(child)])
    if (marks.delete(megabytes)) stage(`${megabytes} MB received`)
  })
  stage('upload answered')
  await download(port, LARGE_MB * MB)
  stage(`${LARGE_MB} MB downloaded`)
  await get(port, '/cleanup')
  stage('file removed')

  const many: [number, number][] = []
  let sent = 0
  await Promise.all(
    Array.from({ length: AT_ONCE }, () => {
      let before = 0
      return upload(port, '/upload', EACH_MB * MB, 'form', (bytes) => {
        sent += bytes - before
        before = bytes
        const megabytes = Math.round(sent / MB)
        if (megabytes - (many.at(-1)?.[0] ?? -8) >= 8) many.push([megabytes, resident(child)])
      })
    }),
  )
  stage(`${AT_ONCE} uploads of ${EACH_MB} MB at once`)
  const leak = await leaks(port)
  stage(`${ITERATIONS} more uploads of 1 MB`)

  const peak = status(child, 'VmHWM')
  report(peak, leak)
  const passed = peak <= LIMIT_MIB && leak <= LEAK_BYTES
  const lines = [
    { name: `one upload of ${LARGE_MB} MB`, points },
    { name: `${AT_ONCE} uploads of ${EACH_MB} MB at once`, points: many },
  ]
  if (!quick) {
    const results = {
      node: process.version,
      limitMiB: LIMIT_MIB,
      peakMiB: peak,
      stages,
      leakBytes: leak,
      lines,
      passed,
    }
    writeFileSync(new URL('results.json', import.meta.url), `${JSON.stringify(results)}\n`)
    const cells = stages.map(
      ({ stage: name, mib, change }) => `| ${name} | ${mib.toFixed(1)} | ${change.toFixed(1)} |`,
    )
    document(
      'benchmarks',
      'memory',
      ['| stage | resident, MiB | change |', '| --- | --- | --- |', ...cells].join('\n'),
    )
    const charts = new URL('../../docs/charts/', import.meta.url)
    mkdirSync(charts, { recursive: true })
    const limit = { y: LIMIT_MIB, name: `limit: ${LIMIT_MIB} MiB` }
    const [title, x, y] = ["A server's resident memory while it receives", 'MB received', 'MiB']
    writeFileSync(new URL('memory.svg', charts), svg({ title, x, y, lines, limit }))
  }
  if (!passed) process.exitCode = 1
} finally {
  await kill(child)
  rmSync(directory, { recursive: true, force: true })
}

async function step<T>(name: string): Promise<T> {
  child.send(name)
  const [answer] = await once(child, 'message')
  return answer
}

function status(of: ChildProcess, field: 'VmRSS' | 'VmHWM'): number {
  const text = readFileSync(`/proc/${of.pid}/status`, 'utf8')
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(text)?.[1]) / 1024
}

function resident(of: ChildProcess): number {
  return Math.round(status(of, 'VmRSS') * 10) / 10
}

function stage(name: string): void {
  const mib = resident(child)
  stages.push({ stage: name, mib, change: Math.round((mib - (stages[0]?.mib ?? mib)) * 10) / 10 })
}

/** Bytes of heap an upload leaves behind: the line through collected heaps, after a warm-up. */
async function leaks(port: number): Promise<number> {
  const heaps: [number, number][] = []
  const every = ITERATIONS / 20
  for (let iteration = -ITERATIONS; iteration <= ITERATIONS; iteration++) {
    await upload(port, '/upload', MB, 'form')
    if (iteration >= 0 && iteration % every === 0) heaps.push([iteration, Number(await get(port, '/heap'))])
  }
  return slope(heaps)
}

/** The middle one of all slopes between two points (Theil and Sen): a single step does not count as growth. */
function slope(points: readonly (readonly [number, number])[]): number {
  const slopes = points.flatMap(([x, y], index) =>
    points.slice(index + 1).map(([x2, y2]) => (y2 - y) / (x2 - x)),
  )
  return interval(slopes).median
}

async function download(port: number, expected: number): Promise<void> {
  const [response] = await once(http.get({ port, path: '/download' }), 'response')
  let bytes = 0
  for await (const piece of response as http.IncomingMessage) bytes += (piece as Buffer).length // a response of http
  if (bytes !== expected) throw new Error(`${bytes} of ${expected} bytes came back`)
}

function report(peak: number, leak: number): void {
  console.log(`${'stage'.padEnd(32)}  resident    change`)
  for (const { stage: name, mib, change } of stages) {
    const sign = change < 0 ? '-' : '+'
    console.log(
      `${name.padEnd(32)}  ${mib.toFixed(1).padStart(6)} MiB  ${sign}${Math.abs(change).toFixed(1)}`,
    )
  }
  const result = (good: boolean): string => (good ? 'pass' : 'FAIL')
  console.log(`peak ${peak.toFixed(1)} MiB of ${LIMIT_MIB}: ${result(peak <= LIMIT_MIB)}`)
  console.log(
    `left behind an upload: ${leak.toFixed(0)} bytes of heap, at most ${LEAK_BYTES}: ${result(leak <= LEAK_BYTES)}`,
  )
}
