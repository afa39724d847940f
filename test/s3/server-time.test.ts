import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { safeUntil, storeTime } from '../../src/s3/server-time.ts'

describe('server time', () => {
  it("the store's clock is never estimated later than it is, and a holder stops before a taker may begin", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1e12 }), // the store's true time when the answer was written
        fc.nat(5000), // on the way there
        fc.nat(5000), // on the way back
        fc.nat(100_000), // later
        fc.integer({ min: 3000, max: 100_000 }),
        (truth, there, back, later, leaseMs) => {
          const sentAt = 1000
          const moment = {
            dateMs: Math.floor(truth / 1000) * 1000,
            sentAt,
            receivedAt: sentAt + there + back,
          }
          const trueTime = (at: number): number => truth + (at - (sentAt + there))
          const at = moment.receivedAt + later
          const now = storeTime(moment, at)
          expect(now).toBeLessThanOrEqual(trueTime(at))
          const until = storeTime(moment, moment.receivedAt) + leaseMs
          expect(trueTime(safeUntil(moment, until))).toBeLessThanOrEqual(until)
        },
      ),
    )
  })
})
