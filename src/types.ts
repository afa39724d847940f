// The public types. They import no room that implements them, so there is no circle.

export type * from './types/bytes.ts'
export type * from './types/creating.ts'
export type * from './types/entries.ts'
export type * from './types/handoff.ts'
export type * from './types/scopes.ts'
