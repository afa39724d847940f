// A real server in a process of its own. Guarantee: it is ended by its pid, gracefully or with SIGKILL, and none
// outlives the demo.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Listening } from '../service/process.ts'
import type { Stats } from '../service/stats.ts'

const running = new Set<ServerProcess>()

export class ServerProcess {
  readonly pid: number
  readonly url: string
  readonly found: Listening['found']
  readonly #child: ChildProcess
  readonly #exit: Promise<[number | null, NodeJS.Signals | null]>

  private constructor(child: ChildProcess, pid: number, { url, found }: Listening) {
    this.#child = child
    this.pid = pid
    this.url = url
    this.found = found
    // 'exit' emits exactly these two arguments.
    this.#exit = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
    running.add(this)
    void this.#exit.then(() => running.delete(this))
  }

  static async start(framework: 'express' | 'fastify', env: NodeJS.ProcessEnv): Promise<ServerProcess> {
    const child = fork(fileURLToPath(new URL(`../${framework}/server.ts`, import.meta.url)), {
      // `--import` looks for tsx from the working directory.
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      execArgv: ['--import', 'tsx'],
      env: { ...process.env, PORT: '0', ...env },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    const ready = await Promise.race([once(child, 'message'), once(child, 'exit').then(() => undefined)])
    if (ready === undefined || child.pid === undefined)
      throw new Error(`The ${framework} server did not start.`)
    // The server's first message is its announcement (service/process.ts).
    return new ServerProcess(child, child.pid, ready[0] as Listening)
  }

  async stats(): Promise<Stats> {
    const response = await fetch(new URL('stats', this.url))
    // GET /stats answers with exactly this (service/stats.ts).
    return (await response.json()) as Stats
  }

  /** SIGTERM, or SIGKILL, which no program can handle; resolves when the process has ended. */
  async end(
    signal: 'SIGTERM' | 'SIGKILL',
  ): Promise<{ status: number | null; signal: NodeJS.Signals | null }> {
    this.#child.kill(signal)
    const [status, by] = await this.#exit
    return { status, signal: by }
  }

  static async endAll(): Promise<void> {
    await Promise.all([...running].map((server) => server.end('SIGKILL')))
  }
}
