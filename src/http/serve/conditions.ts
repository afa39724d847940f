// Evaluates the preconditions of a request in the order of RFC 9110 section 13.2.2. Guarantee: pure; only GET and HEAD
// are conditional here, because for another method the program has already acted when it sends the file.

import type { ByteRange } from '../../types.ts'
import { rangeOf } from './byte-range.ts'

/** The validators of the file's present content; undefined where the program left the header out. */
export interface Validators {
  readonly etag: string | undefined
  /** Milliseconds since the epoch. */
  readonly modifiedMs: number | undefined
}

/** The request's part in the decision. */
export interface Conditions {
  readonly method: string
  /** A request header by its lower-case name. */
  header(name: string): string | undefined
}

/** The file's part in the decision. */
export interface Selected extends Validators {
  readonly size: number
  /** False: Range is ignored. */
  readonly acceptRanges: boolean
}

/** 200 with the whole file, 206 with `range`, or 304, 412 or 416 without a body. */
export type Decision =
  | { readonly status: 200 | 304 | 412 | 416 }
  | { readonly status: 206; readonly range: ByteRange }

export function decide(request: Conditions, file: Selected, nowMs = Date.now()): Decision {
  const { method } = request
  if (method !== 'GET' && method !== 'HEAD') return { status: 200 }
  if (preconditionFails(request, file)) return { status: 412 }
  if (unchanged(request, file)) return { status: 304 }
  const header = request.header('range')
  if (method !== 'GET' || header === undefined || !file.acceptRanges) return { status: 200 }
  if (!ifRangeHolds(request.header('if-range'), file, nowMs)) return { status: 200 }
  const range = rangeOf(header, file.size)
  if (range === undefined) return { status: 200 }
  return range === 'unsatisfiable' ? { status: 416 } : { status: 206, range }
}

/** If-Match, or without it If-Unmodified-Since (sections 13.1.1 and 13.1.4). */
function preconditionFails(request: Conditions, { etag, modifiedMs }: Validators): boolean {
  const ifMatch = request.header('if-match')
  if (ifMatch !== undefined) return !listed(ifMatch, (tag) => tag === etag && isStrong(tag))
  const since = dateOf(request.header('if-unmodified-since'))
  return since !== undefined && modifiedMs !== undefined && seconds(modifiedMs) > seconds(since)
}

/** If-None-Match, or without it If-Modified-Since (sections 13.1.2 and 13.1.3). */
function unchanged(request: Conditions, { etag, modifiedMs }: Validators): boolean {
  const ifNoneMatch = request.header('if-none-match')
  if (ifNoneMatch !== undefined)
    return listed(ifNoneMatch, (tag) => etag !== undefined && opaque(tag) === opaque(etag))
  const since = dateOf(request.header('if-modified-since'))
  return since !== undefined && modifiedMs !== undefined && seconds(modifiedMs) <= seconds(since)
}

/** Section 13.1.5: an exact match with a strong validator. A date is strong once its second is over (8.8.2.2). */
function ifRangeHolds(value: string | undefined, { etag, modifiedMs }: Validators, nowMs: number): boolean {
  if (value === undefined) return true
  if (/^\s*(?:W\/)?"/.test(value)) return value.trim() === etag && isStrong(etag)
  const date = dateOf(value)
  if (date === undefined || modifiedMs === undefined) return false
  return seconds(date) === seconds(modifiedMs) && seconds(nowMs) > seconds(modifiedMs)
}

/** A program may replace the ETag by a weak one, which If-Match and If-Range never match (section 8.8.3.2). */
function isStrong(tag: string): boolean {
  return !tag.startsWith('W/')
}

function opaque(tag: string): string {
  return tag.replace(/^W\//, '')
}

/** Whether `*` or one tag of the list passes. A tag may hold a comma, so the list is scanned, not split. */
function listed(header: string, passes: (tag: string) => boolean): boolean {
  return header.trim() === '*' || (header.match(/(?:W\/)?"[^"]*"/g) ?? []).some(passes)
}

const ASCTIME = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}$/

/** Milliseconds of an HTTP date in any of its three forms (section 5.6.7); undefined for other text, which is ignored. */
export function dateOf(header: string | undefined): number | undefined {
  if (header === undefined) return undefined
  const text = ASCTIME.test(header) ? `${header} GMT` : header
  const ms = text.endsWith(' GMT') ? Date.parse(text) : Number.NaN
  return Number.isNaN(ms) ? undefined : ms
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000)
}
