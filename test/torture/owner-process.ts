// One owner of the torture: its process, its commands, its end. Guarantee: each wait is for
// an event (a line, an end, a state in /proc), bounded in time so that a hang is a violation.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

export type Kind = 'plain' | 'own pid namespace' | 'own pid namespace, our /proc'

const UNDER: Readonly<Record<Kind, readonly string[]>> = {
  plain: [],
  'own pid namespace': ['unshare', '-pf', '--mount-proc'],
  'own pid namespace, our /proc': ['unshare', '-pf'],
}

/** Far longer than anything takes on a loaded machine; reaching it is a finding. */
const PATIENCE_MS = 60_000

export class Owner {
  readonly name: string
  readonly kind: Kind
  readonly process: ChildProcess
  readonly files = new Set<string>()
  /** Its worker threads' sessions by number; undefined: asked to end. */
  readonly threads = new Map<string, string | undefined>()
  session: string | undefined
  lives = true
  /** It was asked to end, and may be in the middle of that. */
  leaving = false
  stopped = false
  blocked = false
  readonly ended: Promise<void>
  readonly #heard: (owner: Owner, line: string) => void
  readonly #waiting = new Map<string, { readonly command: string; readonly done: () => void }>()
  #buffer = ''
  #next = 0
  #pid: number | undefined

  constructor(
    name: string,
    kind: Kind,
    program: string,
    base: string,
    heard: (owner: Owner, line: string) => void,
  ) {
    this.name = name
    this.kind = kind
    this.#heard = heard
    const [command = process.execPath, ...rest] = [...UNDER[kind], process.execPath, program, base]
    // unshare complains of the signal that ends its child.
    const complaints = kind === 'plain' ? 'inherit' : 'ignore'
    this.process = spawn(command, rest, { stdio: ['pipe', 'pipe', complaints] })
    this.process.stdin?.on('error', () => {}) // it may die with a command in the pipe
    this.process.stdout?.setEncoding('utf8').on('data', (text: string) => this.#read(text))
    this.ended = once(this.process, 'close').then(() => {
      this.leave()
      for (const { done } of this.#waiting.values()) done()
      this.#waiting.clear()
    })
  }

  /** Whether it has yet to answer. */
  get busy(): boolean {
    return this.#waiting.size > 0
  }

  /** Whether it may have started threads that it has not reported. */
  get mayHaveThreads(): boolean {
    return [...this.#waiting.values()].some(({ command }) => command === 'worker')
  }

  leave(): void {
    this.lives = false
    this.leaving = true
  }

  /** Resolves when it has answered, or ended. */
  send(command: string): Promise<void> {
    const id = String(this.#next++)
    const done = new Promise<void>((done) => this.#waiting.set(id, { command, done }))
    this.process.stdin?.write(`${id} ${command}\n`)
    return done
  }

  /** Waits until it has reported its session. */
  async ready(): Promise<void> {
    await this.until(() => this.session !== undefined || !this.lives)
  }

  kill(signal: NodeJS.Signals): void {
    if (signal === 'SIGKILL') this.leaving = true
    try {
      process.kill(this.pid(), signal)
    } catch {
      // Ended by itself meanwhile.
    }
  }

  async stop(): Promise<void> {
    this.kill('SIGSTOP')
    this.stopped = true
    await this.until(() => !this.lives || ['T', 't', 'Z', ''].includes(stateOf(this.pid())))
  }

  /** Node's process by this namespace's pid: under unshare it is a grandchild. */
  pid(): number {
    const own = this.process.pid ?? 0
    if (this.kind === 'plain') return own
    if (this.#pid === undefined) {
      const child = Number(readFileSync(`/proc/${own}/task/${own}/children`, 'utf8').trim().split(' ')[0])
      if (child > 0) this.#pid = child
      return child
    }
    return this.#pid
  }

  async until(condition: () => boolean): Promise<void> {
    const end = performance.now() + PATIENCE_MS
    while (!condition()) {
      if (performance.now() > end) throw new Error(`${this.name} (${this.kind}) hangs`)
      await pause(5)
    }
  }

  #read(text: string): void {
    this.#buffer += text
    const lines = this.#buffer.split('\n')
    this.#buffer = lines.pop() ?? ''
    for (const line of lines) {
      const [word, id = ''] = line.split(' ')
      if (word === 'done') {
        this.#waiting.get(id)?.done()
        this.#waiting.delete(id)
      } else {
        if (word === 'blocked') this.blocked = true
        this.#heard(this, line)
      }
    }
  }
}

function stateOf(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2, text.lastIndexOf(')') + 3)
  } catch {
    return ''
  }
}
