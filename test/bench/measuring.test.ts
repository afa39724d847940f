import { describe, expect, test } from 'vitest'
import { interval, ratios } from '../../bench/measure/interval.ts'
import { rounds } from '../../bench/measure/rounds.ts'
import { row, verdictOf } from '../../bench/measure/verdict.ts'
import { svg } from '../../bench/print/chart.ts'

describe('the interval of a median', () => {
  test('the interval of a median takes all values while they are too few to leave one out', () => {
    expect(interval([5, 1, 3])).toEqual({ median: 3, low: 1, high: 5 })
    expect(interval([1, 2, 3, 4, 5])).toEqual({ median: 3, low: 1, high: 5 })
  })

  // The table of the sign test: with 9 values the second and the eighth, with 15 the fourth and the twelfth.
  test.each([
    [6, 1, 6],
    [8, 1, 8],
    [9, 2, 8],
    [15, 4, 12],
    [20, 6, 15],
  ])('the interval of the median of %i values lies between the %i. and the %i.', (count, low, high) => {
    const values = Array.from({ length: count }, (_, index) => index + 1)
    expect(interval(values)).toMatchObject({ low, high })
  })

  test('the median of an even number of values is the mean of the two middle ones', () => {
    expect(interval([1, 2, 3, 10]).median).toBe(2.5)
  })
})

describe('targets', () => {
  test.each([
    ['met', [1, 1.1, 1.2], { atMost: 1.15 }],
    ['within noise', [1.1, 1.2, 1.3], { atMost: 1.15 }],
    ['missed', [1.2, 1.3, 1.4], { atMost: 1.15 }],
    ['met', [1.3, 1.5, 1.6], { atLeast: 1.4 }],
    ['within noise', [1.2, 1.3, 1.5], { atLeast: 1.4 }],
    ['missed', [1.1, 1.2, 1.3], { atLeast: 1.4 }],
    ['met', [1.4, 1.5, 1.6], { lowAtLeast: 1.4 }],
    ['within noise', [1.2, 1.5, 1.6], { lowAtLeast: 1.4 }],
    ['missed', [1.2, 1.3, 1.6], { lowAtLeast: 1.4 }],
    ['for comparison', [9, 9, 9], undefined],
  ] as const)('a target is %s by %j against %j', (verdict, values, target) => {
    expect(verdictOf(interval(values), target)).toBe(verdict)
  })

  test('a known miss of a target is distinguished from one that grows', () => {
    expect(verdictOf(interval([1.2, 1.3, 1.4]), { atMost: 1.1 }, { atMost: 1.3 })).toBe('known miss')
    expect(verdictOf(interval([1.4, 1.5, 1.6]), { atMost: 1.1 }, { atMost: 1.3 })).toBe('missed')
  })

  test('a row keeps every round it was judged by', () => {
    const texts = { group: 'g', what: 'w', against: 'a', ours: '1', theirs: '2' }
    const made = row({ ...texts, rounds: ratios([1, 2, 3], [2, 2, 2]), target: { atMost: 1 } })
    expect(made).toMatchObject({ rounds: [0.5, 1, 1.5], figure: { median: 1 }, verdict: 'met', unit: 'x' })
  })
})

test('contestants take turns, a different one first each round, and the warm-up does not count', async () => {
  const order: string[] = []
  let cost = 0
  const contestant = (name: string) => () => {
    order.push(name)
    return ++cost
  }
  const costs = await rounds({ a: contestant('a'), b: contestant('b') }, 2)
  expect(order.join('')).toBe('abbaab')
  expect(costs).toEqual({ a: [4, 5], b: [3, 6] })
})

test('a chart shows every line, its points and the limit, and escapes its texts', () => {
  const chart = svg({
    title: 'one < two & three',
    x: 'x',
    y: 'y',
    lines: [
      {
        name: 'a line',
        points: [
          [1, 10],
          [100, 20],
        ],
      },
    ],
    logarithmic: true,
    limit: { y: 30, name: 'limit' },
  })
  expect(chart).toContain('one &#60; two &#38; three')
  expect(chart.match(/<circle/g)).toHaveLength(2)
  expect(chart).toContain('a line: 20 at 100')
  expect(chart).toContain('limit')
  expect(chart).not.toContain('NaN')
})
