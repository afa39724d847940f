// The life of one ticket as a small model: workers, a sweep, a store and a network, explored state by state. The
// transitions are the program's own (src/s3/transitions.ts); only the network and the agents' order are the model's.
//
// The network: a PUT that was sent may take effect at any later moment, any number of times, or never, as long as its
// signature is valid; its answer may be lost. An agent may stop for any time between two steps, or die.
//
// Assumptions on the store (the probe checks the first three):
//   a PUT with If-None-Match: * succeeds only where no object exists; a PUT with If-Match only over that version
//   of simultaneous ones, one succeeds
//   a GET returns the last successful PUT
//   a request is refused when its signature is older than 15 minutes (SigV4), which is less than a tombstone's life

import { createHash } from 'node:crypto'
import type { LiveRecord, TicketRecord } from '../../src/s3/ticket-record.ts'
import {
  claimNext,
  completeNext,
  expireNext,
  isHeldBy,
  type Next,
  releaseNext,
  renewNext,
} from '../../src/s3/transitions.ts'

export interface Bounds {
  readonly workers: number
  /** PUTs in all. */
  readonly requests: number
  readonly ticks: number
  /** Whether a sweep runs beside the workers. */
  readonly sweep: boolean
}

/** The faults of a broken store or program; each must be found. */
export type Flaw = 'ignores If-Match' | 'ignores If-None-Match' | 'forgets tombstones' | 'has no fencing'

interface Request {
  /** The nonce of the version that must be there; undefined: none may be. */
  readonly over: string | undefined
  readonly body: TicketRecord
  readonly sentAt: number
}

type Goal = 'claim' | 'renew' | 'release' | 'complete' | 'expire' | 'publish'

/** One agent between two of its steps. */
interface Agent {
  readonly step: 'idle' | 'seen' | 'sent' | 'unsure' | 'holding' | 'ended'
  readonly goal?: Goal
  readonly seen?: TicketRecord | undefined
  /** The request under way, by its index. */
  readonly request?: number
  /** The fencing number that it holds. */
  readonly attempt?: number
  readonly at?: number
  /** It has called release() or complete(): it does not work on the file any more, even if the call fails. */
  readonly stopped?: boolean
}

export interface State {
  readonly record: TicketRecord | undefined
  readonly sent: readonly Request[]
  /** The publisher, the workers, the sweep. */
  readonly agents: readonly Agent[]
  readonly now: number
  /** The history: the ticket was published; who completed it, by its own knowledge; a tombstone was stored. */
  readonly published: boolean
  readonly acknowledged: readonly number[]
  readonly ended: boolean
}

const LEASE = 1
const TTL = 1
/** A request is valid for this long, and a tombstone is kept for longer. */
const VALID = 1

const FIRST: LiveRecord = {
  ticket: '0123456789abcdefghjkmnpqrs',
  name: 'a',
  bytes: 1,
  partBytes: 1,
  digest: '',
  ttlMs: TTL,
  publishedAtMs: 0,
  state: 'available',
  sinceMs: 0,
  attempt: 0,
  nonce: 'first',
}

export function initial({ workers, sweep }: Bounds): State {
  return {
    record: undefined,
    sent: [{ over: undefined, body: FIRST, sentAt: 0 }],
    agents: [
      { step: 'sent', goal: 'publish', request: 0 },
      ...Array.from({ length: workers }, (): Agent => ({ step: 'idle' })),
      ...(sweep ? [{ step: 'idle' } as const] : []),
    ],
    now: 0,
    published: false,
    acknowledged: [],
    ended: false,
  }
}

/** All states that can follow. */
export function following(state: State, bounds: Bounds, flaw?: Flaw): State[] {
  const next: State[] = []
  if (state.now < bounds.ticks) next.push({ ...state, now: state.now + 1 })
  state.sent.forEach((request) => {
    if (state.now - request.sentAt <= VALID) next.push(delivered(state, request, flaw))
  })
  if (
    state.record?.state === 'done' &&
    (flaw === 'forgets tombstones' || state.now - state.record.sinceMs > VALID)
  )
    next.push({ ...state, record: undefined })
  state.agents.forEach((agent, index) => {
    next.push(...stepsOf(state, agent, index, bounds, flaw))
  })
  return next
}

function stepsOf(state: State, agent: Agent, index: number, bounds: Bounds, flaw?: Flaw): State[] {
  const steps: State[] = []
  const become = (to: Agent): void => {
    steps.push({ ...state, agents: state.agents.with(index, to) })
  }
  // It dies, and another process takes its place.
  if (index > 0 && agent.step !== 'idle') become({ step: 'idle' })
  const sweeps = index > bounds.workers
  switch (agent.step) {
    case 'idle':
      if (state.record !== undefined)
        become({ step: 'seen', goal: sweeps ? 'expire' : 'claim', seen: state.record, at: state.now })
      break
    case 'seen':
      steps.push(...send(state, agent, index, bounds, flaw))
      break
    case 'holding':
      for (const goal of ['renew', 'release', 'complete'] as const)
        steps.push(
          ...send(state, { ...agent, goal, stopped: agent.stopped || goal !== 'renew' }, index, bounds, flaw),
        )
      break
    case 'sent':
      steps.push(...answers(state, agent, index, flaw))
      break
    case 'unsure':
      steps.push(resolved(state, agent, index))
      break
    default:
  }
  return steps
}

function nextOf({ goal, seen, attempt = 0, at = 0 }: Agent, now: number, flaw?: Flaw): Next {
  if (seen === undefined) return { refused: 'gone' }
  if (goal === 'claim') {
    const next = claimNext(seen, at, LEASE, { pid: 1, hostname: '' })
    if (flaw !== 'has no fencing' || !('to' in next) || next.to.state !== 'claimed') return next
    return { to: { ...next.to, attempt: 1 } }
  }
  if (goal === 'renew') return renewNext(seen, attempt, now, LEASE)
  if (goal === 'release') return releaseNext(seen, attempt, now, undefined)
  if (goal === 'complete') return completeNext(seen, attempt, now)
  return expireNext(seen, at)
}

function send(state: State, agent: Agent, index: number, bounds: Bounds, flaw?: Flaw): State[] {
  const next = nextOf(agent, state.now, flaw)
  if ('refused' in next) return [{ ...state, agents: state.agents.with(index, { step: 'idle' }) }]
  if (state.sent.length >= bounds.requests) return []
  const sent = [...state.sent, { over: agent.seen?.nonce, body: next.to, sentAt: state.now }]
  return [
    {
      ...state,
      sent,
      agents: state.agents.with(index, { ...agent, step: 'sent', request: sent.length - 1 }),
    },
  ]
}

/** The answer comes: the store has decided at this moment; or it is lost, and the agent gives up, or looks. */
function answers(state: State, agent: Agent, index: number, flaw?: Flaw): State[] {
  const request = state.sent[agent.request ?? 0]
  if (request === undefined) return []
  const become = (to: Agent): State => ({ ...state, agents: state.agents.with(index, to) })
  const lost = [
    become({ ...agent, step: 'unsure' }),
    become(agent.goal === 'publish' ? { step: 'ended' } : { step: 'idle' }),
  ]
  if (state.now - request.sentAt > VALID) return lost
  if (!accepts(state, request, flaw)) return [...lost, become({ ...agent, step: 'unsure' })]
  return [...lost, won(delivered(state, request, flaw), agent, index, request.body)]
}

/** After a refusal or a lost answer: a GET; the nonce shows whose version it is. */
function resolved(state: State, agent: Agent, index: number): State {
  const mine = state.sent[agent.request ?? 0]?.body
  const { record } = state
  if (mine !== undefined && record?.nonce === mine.nonce) return won(state, agent, index, mine)
  const stillHeld = agent.attempt !== undefined && record !== undefined && isHeldBy(record, agent.attempt)
  const to: Agent = stillHeld
    ? { step: 'holding', seen: record, attempt: agent.attempt, stopped: agent.stopped === true }
    : { step: agent.goal === 'publish' ? 'ended' : 'idle' }
  return { ...state, agents: state.agents.with(index, to) }
}

function won(state: State, agent: Agent, index: number, body: TicketRecord): State {
  const holds = body.state === 'claimed'
  const to: Agent = holds
    ? { step: 'holding', seen: body, attempt: body.attempt, stopped: agent.stopped === true }
    : { step: agent.goal === 'publish' ? 'ended' : 'idle' }
  const acknowledged = agent.goal === 'complete' ? [...state.acknowledged, body.attempt] : state.acknowledged
  return { ...state, acknowledged, agents: state.agents.with(index, to) }
}

function accepts({ record }: State, { over }: Request, flaw?: Flaw): boolean {
  if (over === undefined) return record === undefined || flaw === 'ignores If-None-Match'
  return record?.nonce === over || (flaw === 'ignores If-Match' && record !== undefined)
}

function delivered(state: State, request: Request, flaw?: Flaw): State {
  if (!accepts(state, request, flaw)) return state
  return {
    ...state,
    record: request.body,
    published: true,
    ended: state.ended || request.body.state === 'done',
  }
}

/** Checks every state; returns the text of the first rule that does not hold. */
export function violation({
  record,
  agents,
  acknowledged,
  published,
  ended,
  now,
}: State): string | undefined {
  const holders = agents.filter(({ attempt, step }) => attempt !== undefined && step !== 'idle')
  const numbers = holders.map(({ attempt }) => attempt)
  if (new Set(numbers).size < numbers.length) return 'two holders have one fencing number'
  const working = holders.filter(({ stopped }) => stopped !== true)
  const inTime = working.filter(({ seen }) => seen?.state === 'claimed' && now <= (seen.untilMs ?? 0))
  if (inTime.length > 1) return 'two leases overlap'
  if (ended && record !== undefined && record.state !== 'done') return 'it came back after its end'
  if (published && !ended && record === undefined) return 'it was lost'
  if (acknowledged.length > 1) return 'it was acknowledged twice'
  return undefined
}

/**
 * States with one key can do the same. So the key leaves out what no later step reads: nonces are random, workers are
 * alike, and a request that can never be accepted any more only counts.
 */
export function keyOf(state: State, flaw?: Flaw): string {
  const { now, published, ended, acknowledged } = state
  const alive = acceptable(state, flaw)
  const names = namesOf(state, alive)
  /** A version that can never be the current one again is like any other. */
  const version = (nonce: string | undefined): number | string =>
    nonce === undefined ? '-' : (names.get(nonce) ?? 'past')
  const record = (r: TicketRecord | undefined): string =>
    r === undefined
      ? '-'
      : `${r.state[0]}${r.state === 'done' ? '' : r.untilMs},${r.sinceMs},${r.attempt},${version(r.nonce)}`
  const agentKey = ({ step, goal, seen, request, attempt, at, stopped }: Agent): string => {
    if (step === 'seen') return `${step}${goal}${record(seen)},${at}`
    if (step === 'holding') return `${step}${record(seen)},${attempt},${stopped}`
    if (step !== 'sent' && step !== 'unsure') return step
    const end = goal === 'publish' || goal === 'complete' || goal === 'expire' ? goal : ''
    const until = attempt === undefined || stopped || seen?.state === 'done' ? '' : seen?.untilMs
    return `${step}${end},${version(state.sent[request ?? 0]?.body.nonce)},${attempt},${stopped},${until}`
  }
  return [
    record(state.record),
    state.sent.length,
    ...alive.map(({ over, body, sentAt }) => `${version(over)}>${record(body)}@${sentAt}`),
    ...state.agents.map(agentKey).sort(),
    `${now},${published},${ended},${acknowledged.length}`,
  ].join(';')
}

/** The versions that are there or can come. */
function namesOf({ record }: State, alive: readonly Request[]): Map<string, number> {
  const names = new Map<string, number>()
  for (const known of [record, ...alive.map(({ body }) => body)]) {
    if (known !== undefined && !names.has(known.nonce)) names.set(known.nonce, names.size)
  }
  return names
}

/** Holders aside, an agent that saw or sent what can never be current again can only give up; so it has. */
function givenUp(state: State, flaw?: Flaw): State {
  if (flaw === 'ignores If-Match') return state
  const names = namesOf(state, acceptable(state, flaw))
  const agents = state.agents.map((agent): Agent => {
    const { step, goal, seen, request, attempt } = agent
    if (attempt !== undefined || goal === 'publish') return agent
    const version = step === 'seen' ? seen?.nonce : state.sent[request ?? 0]?.body.nonce
    const waits = step === 'seen' || step === 'sent' || step === 'unsure'
    return waits && version !== undefined && !names.has(version) ? { step: 'idle' } : agent
  })
  return { ...state, agents }
}

/** The requests that the store may still accept: in time, and over a version that is there or can come back. */
function acceptable({ record, sent, now }: State, flaw?: Flaw): Request[] {
  const inTime = sent.filter(({ sentAt }) => now - sentAt <= VALID)
  if (flaw === 'ignores If-Match') return inTime
  const possible = new Set([undefined, record?.nonce])
  for (let before = -1; before < possible.size; ) {
    before = possible.size
    for (const { over, body } of inTime) if (possible.has(over)) possible.add(body.nonce)
  }
  return inTime.filter(({ over }) => possible.has(over))
}

export interface Exploration {
  readonly states: number
  readonly violation: string | undefined
}

/** Every state within the bounds, or the first violation. */
export function explore(bounds: Bounds, flaw?: Flaw): Exploration {
  const known = new Set<string>()
  const open = [initial(bounds)]
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    const wrong = violation(state)
    if (wrong !== undefined) return { states: known.size, violation: wrong }
    for (const each of following(state, bounds, flaw)) {
      const next = givenUp(each, flaw)
      const key = createHash('md5').update(keyOf(next, flaw)).digest('base64') // an eighth of the memory
      if (known.has(key)) continue
      known.add(key)
      open.push(next)
    }
  }
  return { states: known.size, violation: undefined }
}
