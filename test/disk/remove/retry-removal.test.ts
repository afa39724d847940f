import { describe, expect, test } from 'vitest'
import { retry, retrySync } from '../../../src/disk/remove/retry-removal.ts'

function failing(codes: readonly string[]): { attempts: number; run(): string } {
  const left = [...codes]
  return {
    attempts: 0,
    run() {
      this.attempts++
      const code = left.shift()
      if (code !== undefined) throw Object.assign(new Error(code), { code })
      return 'done'
    },
  }
}

describe.each([
  ['retrySync', async (run: () => string, budget?: number) => retrySync(run, budget)],
  ['retry', (run: () => string, budget?: number) => retry(run, budget)],
])('%s', (_, call) => {
  test.each(['EBUSY', 'EPERM', 'ENOTEMPTY', 'EMFILE', 'ENFILE'])(
    'a removal that fails with %s is tried again',
    async (code) => {
      const work = failing([code, code])
      expect(await call(() => work.run())).toBe('done')
      expect(work.attempts).toBe(3)
    },
  )

  test.each(['ENOSPC', 'EACCES', 'ENOENT', 'EROFS'])(
    'a removal that fails with %s throws at once',
    async (code) => {
      const work = failing([code, code])
      await expect(call(() => work.run())).rejects.toMatchObject({ code })
      expect(work.attempts).toBe(1)
    },
  )

  test('the attempts of a removal have one budget, and then the last error is thrown', async () => {
    const work = failing(Array.from({ length: 99 }, () => 'EBUSY'))
    // Pauses of 1, 2, 4 and 8 ms are 15: five attempts.
    await expect(call(() => work.run(), 15)).rejects.toMatchObject({ code: 'EBUSY' })
    expect(work.attempts).toBe(5)
  })

  test('a removal without a budget is tried once', async () => {
    const work = failing(['EBUSY'])
    await expect(call(() => work.run(), 0)).rejects.toMatchObject({ code: 'EBUSY' })
    expect(work.attempts).toBe(1)
  })

  test('a removal whose failure never passes ends with its default budget', async () => {
    const work = failing(Array.from({ length: 999 }, () => 'EPERM'))
    await expect(call(() => work.run())).rejects.toMatchObject({ code: 'EPERM' })
    expect(work.attempts).toBeGreaterThan(5)
  })
})
