// The state that the disk must have after the owners' reports before and after each deed. Guarantee: only a state
// that no kill at any moment can explain is a violation.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Owner } from './owner-process.ts'

export interface Handoff {
  readonly ticket: string
  /** Owners that have reported a claim of it and no return. */
  readonly holders: Set<Owner>
  /** Its end may have come, or has. */
  state: 'live' | 'completing' | 'completed'
}

export class Ledger {
  readonly handoffs = new Map<string, Handoff>()
  readonly violations: string[] = []
  readonly #calledGone: { readonly ticket: string; readonly reported: string }[] = []
  published = 0
  claims = 0
  checks = 0
  reclaimed = 0

  violation(what: string): void {
    this.violations.push(what)
    console.error(`VIOLATION: ${what}`)
  }

  /** One line of an owner. */
  heard(owner: Owner, line: string): void {
    const [word = '', a = '', b = '', code = ''] = line.split(' ')
    const handoff = this.handoffs.get(a)
    switch (word) {
      case 'session':
        owner.session = a
        break
      case 'file':
        owner.files.add(a)
        break
      case 'dropping':
        for (const file of owner.files) if (file === a || file.startsWith(`${a}/`)) owner.files.delete(file)
        break
      case 'published':
        this.published++
        this.handoffs.set(a, { ticket: a, holders: new Set(), state: 'live' })
        break
      case 'claimed':
        this.claims++
        handoff?.holders.add(owner)
        break
      case 'releasing':
        handoff?.holders.delete(owner)
        break
      case 'completing':
        if (handoff !== undefined) handoff.state = 'completing'
        break
      case 'completed':
        if (handoff !== undefined) handoff.state = 'completed'
        break
      case 'damaged':
        this.violation(`${a} was not whole when ${owner.name} claimed it`)
        break
      case 'failed':
        this.#failed(owner, a, b, code)
        break
      case 'reported':
        this.violation(`${owner.name} reported ${a}`)
        break
      case 'worker':
        this.#worker(owner, a, b, code)
        break
      case 'terminating':
        owner.threads.set(a, undefined)
        break
      case 'closed':
        owner.leave()
        break
    }
  }

  #failed(owner: Owner, deed: string, ticket: string, code: string): void {
    if (code === 'ERR_TEMP_CLOSED' || code === 'ERR_TEMP_HANDOFF_CLAIMED') return
    if (code === 'ERR_TEMP_REMOVED' && owner.leaving) return
    const reported = `${owner.name}: ${deed} ${ticket} failed with ${code}`
    // The line of the one who completed it may be read after this one.
    if (code === 'ERR_TEMP_HANDOFF_GONE') this.#calledGone.push({ ticket, reported })
    else this.violation(reported)
  }

  #worker(owner: Owner, number: string, word: string, path: string): void {
    if (word === 'session' && !owner.threads.has(number)) owner.threads.set(number, path)
    if (word === 'reported') this.violation(`a worker of ${owner.name} reported ${path}`)
  }

  /** After a round: nothing live touched, nothing dead left, no handoff lost. */
  check(root: string, owners: readonly Owner[]): void {
    this.checks++
    const sessions = new Set(readdirSync(join(root, 'sessions')))
    const expected = new Set<string>()
    for (const owner of owners) {
      if (!owner.lives) continue
      for (const session of [owner.session, ...owner.threads.values()]) {
        if (session === undefined) continue
        expected.add(basename(session))
        if (!sessions.has(basename(session)))
          this.violation(`the session of ${owner.name} (${owner.kind}) is gone`)
      }
      for (const file of owner.files) this.#whole(owner, file)
    }
    for (const name of sessions) {
      if (name.startsWith('.new-') || expected.has(name)) continue
      if (owners.some((owner) => owner.lives && owner.mayHaveThreads)) continue // a thread of it may have started without a report
      this.violation(`${name} is left of a dead owner`)
    }
    for (const handoff of this.handoffs.values()) this.#checkPlaces(root, handoff, sessions)
    for (const { ticket, reported } of this.#calledGone.splice(0))
      if (this.handoffs.get(ticket)?.state === 'live') this.violation(reported)
  }

  #whole(owner: Owner, file: string): void {
    try {
      const content = readFileSync(file, 'utf8')
      if (content !== basename(file)) this.violation(`a file of ${owner.name} was changed`)
    } catch (error) {
      this.violation(`a file of ${owner.name} (${owner.kind}) is gone: ${String(error)}`)
    }
  }

  #checkPlaces(root: string, { ticket, holders, state }: Handoff, sessions: ReadonlySet<string>): void {
    if (state === 'completing') return
    const places = [
      join(root, 'handoffs', ticket),
      ...[...sessions].map((name) => join(root, 'sessions', name, 'claims', ticket)),
    ].filter((place) => existsSync(place))
    if (places.length !== (state === 'live' ? 1 : 0))
      this.violation(`${ticket}, ${state}, is in ${places.length} places`)
    if (state !== 'live') return
    const living = [...holders].filter((holder) => holder.lives)
    if (living.length > 1)
      this.violation(`${ticket} is held by ${living.map((holder) => holder.name).join(' and ')}`)
    for (const holder of living) {
      if (holder.session !== undefined && places[0]?.startsWith(holder.session) !== true)
        this.violation(`${ticket}, held by ${holder.name}, was taken away`)
    }
    for (const place of places) {
      const [name] = readdirSync(join(place, 'data'))
      if (name === undefined || readFileSync(join(place, 'data', name), 'utf8') !== name)
        this.violation(`${ticket} is not whole`)
    }
  }
}
