// The public operations, each prepared so that what it does itself can be counted, made to fail and killed alone,
// and what may exist on disk afterwards. Guarantee: an operation that was done has its effect, one that failed has
// none, one that was killed has either; nothing is ever half there.

import { mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { craftSession, REUSED_PID } from '../fixtures/crafted-session.ts'
import { HANDOFFS } from './handoff-operations.ts'
import {
  fillTree,
  fullDir,
  fullFile,
  type Operation,
  PAYLOAD,
  rootOf,
  STAYS,
  withTicket,
} from './preparing.ts'
import { TEMPS } from './temps-operations.ts'
import { UPLOADS } from './uploads-operations.ts'

export const OPERATIONS: readonly Operation[] = [
  ...TEMPS,
  ...HANDOFFS,
  ...UPLOADS,
  {
    name: 'sweep',
    truth: STAYS,
    async prepare(ground) {
      const { manager, ticket } = await withTicket(ground)
      const dead = craftSession(rootOf(ground), { owner: REUSED_PID, files: { one: PAYLOAD, two: PAYLOAD } })
      mkdirSync(join(dead.path, 'tree'))
      fillTree(join(dead.path, 'tree'))
      renameSync(join(rootOf(ground), 'handoffs', ticket), join(dead.path, 'claims', ticket))
      return { manager, act: () => manager.sweep() }
    },
  },
  {
    name: 'close',
    truth: STAYS,
    async prepare(ground) {
      const { manager, ticket } = await withTicket(ground)
      await manager.claim(ticket)
      fullFile(manager)
      fullDir(manager)
      return { manager, act: () => manager.close() }
    },
  },
]
