// The names in the bucket. Guarantee: a ticket's record and data are neighbours in every listing, tickets are spread
// evenly over the key space (they are random), and a key that does not parse here is foreign and never deleted.
//
//   <prefix><ticket>/data-<ttl in ms>   immutable; the TTL is in the name, so a sweep needs no request for a live ticket
//   <prefix><ticket>/record             changed only by conditional PUT
//   <prefix>.probe/<random>             written and deleted by the probe

import { isTicket, randomText } from '../layout.ts'

/** A key of this package in a bucket. */
export type ParsedKey =
  | { readonly kind: 'record'; readonly ticket: string }
  | { readonly kind: 'data'; readonly ticket: string; readonly ttlMs: number }
  | { readonly kind: 'probe' }

export class Keys {
  readonly prefix: string

  constructor(prefix: string) {
    this.prefix = prefix
  }

  record(ticket: string): string {
    return `${this.prefix}${ticket}/record`
  }

  data(ticket: string, ttlMs: number): string {
    return `${this.prefix}${ticket}/data-${ttlMs}`
  }

  /** A fresh key for each probe: two programs may probe one bucket at the same time. */
  probe(): string {
    return `${this.prefix}.probe/${randomText(16)}`
  }

  /** Undefined for a foreign key. */
  parse(key: string): ParsedKey | undefined {
    if (!key.startsWith(this.prefix)) return undefined
    const [first = '', second = '', more] = key.slice(this.prefix.length).split('/')
    if (more !== undefined) return undefined
    if (first === '.probe') return isTicket(second) ? { kind: 'probe' } : undefined // both are 16 random bytes
    if (!isTicket(first)) return undefined
    if (second === 'record') return { kind: 'record', ticket: first }
    const ttl = /^data-(\d{1,16})$/.exec(second)?.[1]
    return ttl === undefined ? undefined : { kind: 'data', ticket: first, ttlMs: Number(ttl) }
  }
}
