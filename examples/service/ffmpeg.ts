// Runs the real ffmpeg on a clip. Guarantee: the child program reads one file and writes one file, both inside
// directories that the library owns, reports its progress, and is killed when the signal aborts.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

let found: Promise<boolean> | undefined

/** Whether ffmpeg can be run here; asked once a process. */
export function haveFfmpeg(): Promise<boolean> {
  found ??= (async () => {
    const child = spawn('ffmpeg', ['-version'], { stdio: 'ignore' })
    const [status] = await once(child, 'exit').catch(() => [1])
    return status === 0
  })()
  return found
}

export interface TranscodeOptions {
  readonly signal?: AbortSignal | undefined
  /** Called with 0 to 100. */
  readonly onProgress?: ((percent: number) => void) | undefined
}

/**
 * Makes a small H.264 mp4 that every browser plays. The input came from a stranger: ffmpeg may open that one
 * file and nothing else (`-protocol_whitelist file`), and a name that begins with '-' is not an option.
 */
export async function transcode(
  input: string,
  output: string,
  options: TranscodeOptions = {},
): Promise<void> {
  const child = spawn(
    'ffmpeg',
    [
      ...[
        '-hide_banner',
        '-nostdin',
        '-protocol_whitelist',
        'file,pipe',
        '-threads',
        '1',
        '-i',
        `file:${input}`,
      ],
      ...[
        '-map',
        '0:v:0',
        '-map',
        '0:a:0?',
        '-vf',
        "scale='trunc(min(640,iw)/2)*2':-2",
        '-pix_fmt',
        'yuv420p',
      ],
      ...['-c:v', 'libx264', '-preset', 'veryfast', '-c:a', 'aac', '-movflags', '+faststart'],
      ...['-progress', 'pipe:1', '-y', `file:${output}`],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], signal: options.signal, killSignal: 'SIGKILL' },
  )
  // 'exit' has the status; an error (the program is missing, the signal aborted) rejects this promise.
  const ended = once(child, 'close')
  const [complaint] = await Promise.all([
    readComplaints(child.stderr, child.stdout, options.onProgress ?? (() => undefined)),
    ended,
  ])
  if (child.exitCode !== 0) throw new Error(`ffmpeg could not read this clip: ${complaint}`)
}

/** Reads the duration from ffmpeg's stderr and the position from its stdout. Returns the last error line. */
async function readComplaints(
  stderr: NodeJS.ReadableStream,
  stdout: NodeJS.ReadableStream,
  onProgress: (percent: number) => void,
): Promise<string> {
  let seconds = 0
  let last = 'it gave no reason'
  createInterface(stdout).on('line', (line) => {
    const position = /^out_time_us=(\d+)/.exec(line)?.[1]
    if (position === undefined || seconds === 0) return
    onProgress(Math.min(99, Math.round(Number(position) / 10_000 / seconds)))
  })
  for await (const line of createInterface(stderr)) {
    const [, hours, minutes, rest] = /Duration: (\d+):(\d+):([\d.]+)/.exec(line) ?? []
    if (hours !== undefined) seconds = Number(hours) * 3600 + Number(minutes) * 60 + Number(rest)
    // Only the words after the file's name: the path is nobody's business outside.
    const words = line.split(': ').at(-1)?.trim()
    if (words !== undefined && words !== '') last = words
  }
  return last
}
