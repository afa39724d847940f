// npm run torture -- --rounds N --seed S [--owners K] [--sweepers K]
// Random owners (blocked, stopped, killed, exiting, in pid namespaces of their own, with worker threads, with
// handoffs published and claimed) beside random sweepers, some killed half way. Promise, checked after every
// round: no live session is touched, no dead one is left, no handoff is lost. Exits non-zero on any violation.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { build } from 'tsup'
import { TempFileManager } from '../../src/index.ts'
import { Ledger } from './ledger.ts'
import { type Kind, Owner } from './owner-process.ts'
import { Random } from './random.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    owners: { type: 'string', default: '12' },
    sweepers: { type: 'string', default: '6' },
  },
})
const [rounds, seed, perRound, sweepers] = [values.rounds, values.seed, values.owners, values.sweepers].map(
  Number,
)
if (![rounds, seed, perRound, sweepers].every(Number.isSafeInteger)) throw new Error('Give whole numbers.')

/** Namespaces need root. */
const KINDS: readonly Kind[] =
  process.getuid?.() === 0 && process.platform === 'linux'
    ? ['plain', 'plain', 'plain', 'own pid namespace', 'own pid namespace, our /proc']
    : ['plain']
/** A survivor lives at least until the next round's check; then no more than this many go on living. */
const MOST_SURVIVORS = 10

class Torture {
  readonly #random = new Random(seed ?? 0)
  readonly #ledger = new Ledger()
  readonly #base = realpathSync(mkdtempSync(join(tmpdir(), 'tfm-torture-')))
  readonly #programs = realpathSync(mkdtempSync(join(tmpdir(), 'tfm-torture-')))
  readonly #manager = new TempFileManager({ baseDir: this.#base, sweep: { onStart: false, every: false } })
  readonly #counts = {
    owners: 0,
    threads: 0,
    killed: 0,
    stopped: 0,
    blocked: 0,
    sweepers: 0,
    sweepersKilled: 0,
  }
  #owners: Owner[] = []

  async run(): Promise<number> {
    const started = performance.now()
    try {
      await this.#build()
      for (let round = 1; round <= (rounds ?? 0); round++) {
        await this.#round()
        if (round % 10 === 0 || round === rounds) this.#print(round, started)
      }
      await this.#end()
    } catch (error) {
      this.#ledger.violation(String(error))
    } finally {
      for (const owner of this.#owners) owner.kill('SIGKILL')
      await Promise.all(this.#owners.map((owner) => owner.ended))
      await this.#manager.close()
      for (const directory of [this.#base, this.#programs])
        rmSync(directory, { recursive: true, force: true })
    }
    this.#print(rounds ?? 0, started)
    console.log(this.#ledger.violations.length === 0 ? 'no violation' : this.#ledger.violations.join('\n'))
    return this.#ledger.violations.length === 0 ? 0 : 1
  }

  // Bundled once, so that a thousand owners do not compile a thousand times.
  async #build(): Promise<void> {
    await build({
      entry: ['owner', 'sweeper'].map((name) => join(import.meta.dirname, `${name}.ts`)),
      outDir: this.#programs,
      format: 'cjs',
      noExternal: [/.*/],
      config: false,
      silent: true,
      splitting: false,
    })
  }

  async #round(): Promise<void> {
    const fresh = Array.from({ length: perRound ?? 0 }, () => this.#spawnOwner())
    await Promise.all(fresh.map((owner) => owner.ready()))
    const sweeps = Array.from({ length: sweepers ?? 0 }, () => this.#spawnSweeper())
    await Promise.all(this.#owners.map((owner) => this.#lead(owner)))
    for (const owner of this.#owners) this.#chooseEnd(owner)
    await Promise.all(sweeps)
    await this.#settle()
    await this.#sweepAndCheck()
    for (const owner of this.#owners) if (owner.stopped) owner.kill('SIGCONT')
    for (const owner of this.#owners) owner.stopped = false
    this.#owners = this.#owners.filter((owner) => owner.lives)
    // The rest of the survivors dies unseen, in the midst of the next round.
    for (const owner of this.#owners.slice(0, Math.max(0, this.#owners.length - MOST_SURVIVORS)))
      this.#kill(owner)
  }

  #spawnOwner(): Owner {
    const kind = this.#random.pick(KINDS) ?? 'plain'
    const name = `owner ${++this.#counts.owners}`
    const program = join(this.#programs, 'owner.cjs')
    const owner = new Owner(name, kind, program, this.#base, (who, line) => this.#ledger.heard(who, line))
    this.#owners.push(owner)
    return owner
  }

  async #spawnSweeper(): Promise<void> {
    const random = this.#random
    const killed = random.chance(0.5)
    this.#counts.sweepers++
    if (killed) this.#counts.sweepersKilled++
    const given = [this.#base, String(1 + random.below(3)), String(killed ? 1 + random.below(150) : 0)]
    const child = spawn(process.execPath, [join(this.#programs, 'sweeper.cjs'), ...given], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let reported = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      reported += text
    })
    await once(child, 'close')
    for (const line of reported.split('\n').filter(Boolean)) {
      const [word, count] = line.split(' ')
      if (word === 'reclaimed') this.#ledger.reclaimed += Number(count)
      else this.#ledger.violation(`a sweeper reported: ${line}`)
    }
  }

  /** Gives it some work; resolves when it has done it, or died of it. */
  async #lead(owner: Owner): Promise<void> {
    if (owner.blocked || owner.leaving) return
    const random = this.#random
    const work: Promise<void>[] = []
    const may = [
      'file',
      'dir',
      'drop',
      'publish',
      'publish',
      'claim',
      'claim',
      'complete',
      'release',
      'sweep',
    ]
    if (owner.kind === 'plain' && random.chance(0.3)) may.push('worker', 'terminate')
    if (owner.kind === 'plain' && random.chance(0.25)) {
      owner.leaving = true // at an unknown moment
      this.#counts.killed++
      work.push(owner.send(`doom ${1 + random.below(60)}`))
    }
    for (let n = random.below(8); n >= 0; n--) {
      const deed = random.pick(may) ?? 'file'
      const ticket = deed === 'claim' ? random.pick([...this.#ledger.handoffs.keys()].slice(-40)) : ''
      if (ticket === undefined) continue
      if (deed === 'worker') this.#counts.threads++
      work.push(owner.send(`${deed} ${ticket}`.trim()))
    }
    await Promise.all(work)
  }

  /** How it ends, or goes on. */
  #chooseEnd(owner: Owner): void {
    if (owner.leaving) return
    const chance = this.#random.next()
    if (chance < 0.3) this.#kill(owner)
    else if (owner.blocked) return
    else if (chance < 0.4) this.#leave(owner, 'exit')
    else if (chance < 0.5) this.#leave(owner, 'close')
    else if (chance < 0.65) {
      this.#counts.blocked++
      void owner.send('block')
    } else if (chance < 0.8) {
      this.#counts.stopped++
      void owner.send('publish')
      owner.stopped = true
      owner.kill('SIGSTOP')
    }
  }

  #kill(owner: Owner): void {
    this.#counts.killed++
    if (!owner.blocked)
      void owner.send(this.#random.pick(['publish', 'file', 'dir', 'complete', 'release']) ?? '')
    owner.kill('SIGKILL')
  }

  #leave(owner: Owner, how: 'exit' | 'close'): void {
    owner.leaving = true
    void owner.send(how)
  }

  /** Waits until those that exit have exited, and those that stop have stopped. */
  async #settle(): Promise<void> {
    for (const owner of this.#owners) {
      // A doomed one whose number of calls was never reached ends now.
      if (owner.leaving && owner.lives && !owner.busy) owner.kill('SIGKILL')
      if (owner.stopped) await owner.stop()
      else await owner.until(() => !owner.leaving || !owner.lives || !owner.busy)
      if (!owner.leaving) continue
      owner.kill('SIGKILL') // a closed one may go on for its threads' sake
      await owner.ended
    }
  }

  async #sweepAndCheck(): Promise<void> {
    const report = await this.#manager.sweep()
    this.#ledger.reclaimed += report.sessionsRemoved
    for (const { name, message } of report.errors)
      this.#ledger.violation(`the sweep reported: ${name} ${message}`)
    this.#ledger.check(this.#manager.root, this.#owners)
  }

  /** All die; then nothing but free handoffs may be left. */
  async #end(): Promise<void> {
    for (const owner of this.#owners) owner.kill('SIGKILL')
    await Promise.all(this.#owners.map((owner) => owner.ended))
    await this.#sweepAndCheck()
    const free = new Set(readdirSync(join(this.#manager.root, 'handoffs')))
    for (const { ticket, state } of this.#ledger.handoffs.values())
      if (state === 'live' && !free.has(ticket))
        this.#ledger.violation(`${ticket} was not given back at the end`)
  }

  #print(round: number, started: number): void {
    const { published, claims, checks, reclaimed, violations } = this.#ledger
    const seconds = Math.round((performance.now() - started) / 1000)
    console.log(
      JSON.stringify({
        seed,
        rounds: round,
        ...this.#counts,
        published,
        claims,
        reclaimed,
        checks,
        violations: violations.length,
        seconds,
      }),
    )
  }
}

process.exitCode = await new Torture().run()
