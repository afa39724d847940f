// The evidence of a live owner that holds on every disk. Guarantee: what is observed of a real one (evidence.test.ts) is
// what the truth table calls alive (verdict.test.ts).

import type { Evidence } from '../../src/liveness/verdict.ts'

/** Of our own boot and namespaces. */
export const LIVE_OWNER = {
  record: 'read',
  boot: 'same',
  hostname: 'same',
  namespaces: 'same',
  process: 'exists',
  thread: 'same',
  lease: 'answers',
} as const satisfies Partial<Evidence>
